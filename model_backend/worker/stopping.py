"""Being asked to stop, which can happen before the learning libraries are loaded."""

from __future__ import annotations

import signal
import threading
from types import FrameType


def asked_to_stop() -> threading.Event:
    """What SIGTERM and Ctrl-C set from now on; where this is not the main thread, nothing does."""
    stop = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, ask)
    return stop
