"""Child processes that a killed parent leaves findable: each has a file with its number and start."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from annotator.errors import OnetagError

GRACE = 15.0
"""Seconds a child has to stop by itself."""


def started_at(pid: int) -> str | None:
    """When the process started, in the system's own words; None when there is no such process (or a zombie).

    A number alone could belong to another process by now; a number with its start time could not.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return None if Path("/proc/self/stat").exists() else _started_by_ps(pid)
    return None if fields[0] in "ZX" else fields[19]


def _started_by_ps(pid: int) -> str | None:
    ps = ["ps", "-o", "lstart=", "-p", str(pid)]
    with contextlib.suppress(OSError):
        return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip() or None  # noqa: S603
    return None


def stop_process(pid: int, started: str, grace: float = GRACE) -> None:
    """Ask the process to stop, and kill it when it does not within `grace` seconds, session and all."""
    for number, wait in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
        if started_at(pid) != started:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, number) if os.getpgid(pid) == pid else os.kill(pid, number)
        deadline = time.monotonic() + wait
        while started_at(pid) == started and time.monotonic() < deadline:
            time.sleep(0.05)


class Child:
    """One process of ours, in a session of its own so that Ctrl-C reaches its parent first.

    Its output goes to `folder/<name>.log`; `folder/<name>.pid` names it while it runs.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        plain = name.lower().replace(" ", "-")
        self.log = folder / f"{plain}.log"
        self._command = list(command)
        self._pid_file = folder / f"{plain}.pid"
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process's number while it is ours."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start the process, after ending the one that a dead run left behind."""
        self.end_leftover()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._process.pid} {started_at(self._process.pid)}\n", encoding="utf-8")

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop the process and wait for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GRACE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._pid_file.unlink(missing_ok=True)

    def end_leftover(self) -> bool:
        """End the process of an earlier run, if it is still there; whether there was one."""
        try:
            number, _, started = self._pid_file.read_text(encoding="utf-8").strip().partition(" ")
        except OSError:
            return False
        there = number.isdigit() and started_at(int(number)) == started
        if there:
            stop_process(int(number), started)
        self._pid_file.unlink(missing_ok=True)
        return there

    def last_words(self, lines: int = 5) -> str:
        """The end of the log, for an error message."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
        return ""


def onetag(*arguments: str) -> list[str]:
    """The command line of another `onetag` in the same environment, whatever the PATH."""
    return [sys.executable, "-m", "model_backend.cli", *arguments]


@contextlib.contextmanager
def only_one(file: Path, data_dir: Path) -> Iterator[None]:
    """Hold the lock of a data folder. The system lets go of it when the process dies, however it dies.

    Raises OnetagError when another process holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            raise OnetagError(
                f"{data_dir} is already in use by `onetag` ({holder}).",
                "Stop that one with Ctrl-C, or give this one another folder with --data-dir.",
            ) from None
        stream.seek(0)
        stream.truncate()
        stream.write(f"process {os.getpid()}")
        stream.flush()
        yield


def require_free_port(host: str, port: int, flag: str) -> None:
    """Raise OnetagError naming the flag unless the port can be listened on."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OnetagError(
                f"Port {port} on {host} cannot be used ({error.strerror}).",
                f"Stop what uses it, or choose another with {flag}.",
            ) from None


def port_or_free(port: int, host: str = "127.0.0.1") -> int:
    """The port if it can be listened on, else one that can."""
    try:
        require_free_port(host, port, "")
    except OnetagError:
        return free_port(host)
    return port


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
