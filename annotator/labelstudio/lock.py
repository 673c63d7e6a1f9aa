"""One process a folder, and how a process that was left behind is found and ended."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from annotator.errors import OnetagError

LOCK_FILE = "lock"


class FolderLock:
    """Held by one process at a time, and let go by the system when that one ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock, making the folder. Raises OnetagError when another process holds it."""
        if self._descriptor is not None:
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise OnetagError(
                f"{self.folder} cannot be used ({error.strerror}).",
                "Check its rights and the free space, or choose another folder with --data-dir.",
            ) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise OnetagError(
                f"{self.folder} is in use by another onetag (process {holder}).",
                "Stop that one first, or choose another folder with --data-dir.",
            ) from None
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let the lock go; safe to call twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def processes_with(*arguments: str) -> list[int]:
    """The running processes, but this one, with all these arguments on their command lines."""
    return [pid for pid, command in _commands() if pid != os.getpid() and set(arguments) <= set(command)]


def _commands() -> Iterator[tuple[int, list[str]]]:
    if Path("/proc/self/cmdline").exists():
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or belongs to somebody else
                yield int(folder.name), (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        return
    listed = subprocess.run(["ps", "-axo", "pid=,command="], capture_output=True, text=True, check=False)  # noqa: S607
    for line in listed.stdout.splitlines():
        number, _, command = line.strip().partition(" ")
        yield int(number), command.split()


def end_group(pid: int, timeout: float, has_ended: Callable[[], bool]) -> None:
    """End a process with its group: asked first, forced after `timeout` seconds."""
    for sign, patience in ((signal.SIGTERM, timeout), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.killpg(pid, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if has_ended():
                return
            time.sleep(0.05)
