"""A process that ends in order when it is asked to, also while it still starts."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

log = logging.getLogger(__name__)


@contextmanager
def ends_when_asked() -> Iterator[None]:
    """SIGTERM and Ctrl-C end the block, wherever it is; where this is not the main thread, nothing does."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):  # a script's background job starts deaf to SIGINT
            signal.signal(number, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        log.info("Stopping.")


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
