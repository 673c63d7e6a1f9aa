"""Child processes that a killed parent leaves findable: each carries its mark in its environment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil
from filelock import FileLock, Timeout

from annotator.errors import OnetagError
from model_backend.stack.ports import listens, require_free_port

GRACE = 15.0
"""Seconds a process has to stop by itself."""
MARK = "ONETAG_CHILD"
"""The variable that tells our children, and theirs, from every other process of this machine."""
LOG_BYTES = 10 * 2**20
"""Size from which a log is put aside at the next start; the one before it goes."""


def marked_processes(mark: str) -> list[psutil.Process]:
    """The running processes with this mark: a child of ours, and what it started in turn."""
    running = psutil.process_iter(["environ"])  # none for other people's, and for those that have just ended
    return [process for process in running if (process.info["environ"] or {}).get(MARK) == mark]


def end_processes(processes: Sequence[psutil.Process], grace: float = GRACE) -> None:
    """Ask the processes to stop, kill those that do not within `grace` seconds, and wait for them."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, grace)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, grace)


class ChildProcess:
    """One process of ours, in a session of its own so that Ctrl-C reaches its parent first.

    Its output goes to `folder/<name>.log`, readable by its owner alone.
    """

    working_folder: Path | None = None
    """Where it runs; None: where its parent does."""
    umask = -1
    """Rights that its files do not get; -1: as its parent's."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.folder = folder.resolve()
        self.log = self.folder / f"{name.lower().replace(' ', '-')}.log"
        self._command = list(command)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def mark(self) -> str:
        """What its environment carries: the same at every start, and in no other folder."""
        return str(self.log)

    @property
    def pid(self) -> int | None:
        """The process's number while it runs."""
        return self._process.pid if self._process is not None and self.alive() else None

    def start(self) -> None:
        """Start the process, after ending the one that a dead run left behind.

        Raises OnetagError when the folder cannot be used.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.end_leftover()
            self.prepare()
            self._process = self._spawn()
        except OSError as error:
            raise OnetagError(
                f"{self.name} cannot be started in {self.folder} ({error.strerror}).",
                "Check the folder's rights and the free space, or choose another with --data-dir.",
            ) from None

    def prepare(self) -> None:
        """What has to be done in the folder before each start."""

    def wait_ready(self) -> None:
        """Wait until it does its work. Raises OnetagError when it does not come to that."""

    def require_own_port(self, host: str, port: int, flag: str) -> None:
        """Raise OnetagError naming the flag where another program took the port while this one started."""
        if listens(host, port) and not self._holds(port):
            require_free_port(host, port, flag)

    def _holds(self, port: int) -> bool:
        """Whether it, or what it started, listens on the port."""
        for process in marked_processes(self.mark):
            with contextlib.suppress(psutil.Error):
                for socket in process.net_connections("tcp"):
                    if socket.status == psutil.CONN_LISTEN and socket.laddr.port == port:
                        return True
        return False

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self, grace: float = GRACE) -> None:
        """Stop the process with everything it started, and wait for it; safe to call twice."""
        if self._process is not None:
            end_processes(marked_processes(self.mark), grace)
            self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def end_leftover(self) -> bool:
        """End what an earlier run left behind; whether there was something."""
        left = marked_processes(self.mark)
        end_processes(left)
        return bool(left)

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(mode=0o600)
        with self.log.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 (our own interpreter)
                self._command,
                env=self._environment | {MARK: self.mark},
                cwd=self.working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=self.umask,
            )


def onetag(*arguments: str) -> list[str]:
    """The command line of another `onetag` in the same environment, whatever the PATH."""
    return [sys.executable, "-m", "model_backend.cli", *arguments]


@contextlib.contextmanager
def only_one(folder: Path, data_dir: Path) -> Iterator[None]:
    """Hold the lock of a data folder, kept in `folder`. The system lets go of it however the process dies.

    Raises OnetagError when another process holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock, holder = FileLock(folder / "lock"), folder / "holder"
    try:
        lock.acquire(timeout=0)
    except Timeout:
        name = holder.read_text(encoding="utf-8", errors="replace") if holder.exists() else ""
        raise OnetagError(
            f"{data_dir} is already in use by `onetag` ({name or 'another process'}).",
            "Stop that one with Ctrl-C, or give this one another folder with --data-dir.",
        ) from None
    try:
        holder.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield
    finally:
        lock.release()
