"""Whether the ML backend and the worker are there, seen from outside."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pydantic import SecretStr

from annotator.backend_url import address_for_studio, backend_url
from annotator.errors import OnetagError
from annotator.labelstudio.backends import SECRET_HEADER
from annotator.settings import Settings

BEATS = "worker-*.beat"
"""The files of the data folder by which its workers, on whatever machine, give signs of life."""
FORGOTTEN_AFTER = 86400.0
"""Seconds after which the file of a worker that was killed goes."""
BEAT_SECONDS = 5.0
SILENT_AFTER = 20.0
"""Seconds without a beat after which a worker counts as gone."""


def ask(url: str, secret: str | None = None, timeout: float = 3.0) -> int:
    """The HTTP status of a GET, 0 when nothing answers. The secret travels in a header."""
    headers = {SECRET_HEADER: secret} if secret else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
    except OSError:
        return 0


def answers_to(settings: Settings, secret: SecretStr | None) -> set[int]:
    """With which status the ML backend answers this secret, at the address of this machine and at the one for
    Label Studio: 200 where it takes it, 0 where nothing answers.
    """
    value = secret.get_secret_value() if secret else ""
    return {ask(f"{url}/versions", value) for url in (backend_url(settings), address_for_studio(settings))}


def await_health(url: str, seconds: float, may_answer: Callable[[], bool]) -> None:
    """Wait until `url`/health answers. Raises OnetagError when it does not in time, or no longer may."""
    deadline = time.monotonic() + seconds
    while ask(f"{url}/health") != 200:
        if not may_answer() or time.monotonic() > deadline:
            raise OnetagError(
                f"The ML backend does not answer at {url}.", "Its log in the data folder says why."
            )
        time.sleep(0.1)


@contextmanager
def beating(data_dir: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    """Leave a sign of life in the data folder every few seconds, while the worker works.

    clock: seconds since this machine was started, which no change of its time touches.
    """
    over = threading.Event()
    file = data_dir / BEATS.replace("*", f"{this_machine()}-{os.getpid()}")
    _forget_the_killed(data_dir)

    def keep_beating() -> None:
        while True:
            with suppress(OSError):  # a full disk: the worker itself says so
                beat = {"process": os.getpid(), "at": time.time(), "up": clock(), "boot": _boot()}
                file.write_text(json.dumps(beat), "utf-8")
            if over.wait(BEAT_SECONDS):
                return

    thread = threading.Thread(target=keep_beating, name="beat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        file.unlink(missing_ok=True)


def this_machine() -> str:
    """The name of this machine or container."""
    return socket.gethostname()


def worker_silence(
    data_dir: Path, machine: str | None = None, clock: Callable[[], float] = time.monotonic
) -> float | None:
    """Seconds since a worker of this data folder (on one machine) gave a sign of life; None: none did."""
    pattern = BEATS if machine is None else BEATS.replace("*", f"{machine}-*")
    ages = [age for file in data_dir.glob(pattern) if (age := _age(file, clock)) is not None]
    return min(ages, default=None)


def _age(file: Path, clock: Callable[[], float] = time.monotonic) -> float | None:
    """Seconds since a beat; only one of another machine, or of before this one's last start, goes by the time
    of day.
    """
    try:
        beat = json.loads(file.read_text("utf-8"))
        if beat.get("boot") == _boot():
            return max(0.0, clock() - float(beat["up"]))
        return max(0.0, time.time() - float(beat["at"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _forget_the_killed(data_dir: Path) -> None:
    for file in data_dir.glob(BEATS):
        if (_age(file) or 0.0) > FORGOTTEN_AFTER:
            file.unlink(missing_ok=True)


def _boot() -> str:
    """What is another one after each start of this machine, where it says so (Linux)."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
