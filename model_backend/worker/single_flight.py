"""One at a time, and nothing forgotten."""

from __future__ import annotations

import threading
from collections.abc import Callable


class SingleFlight:
    """Lets one thread work; whoever comes meanwhile leaves at once, and the work is done again for them."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._wanted = threading.Event()

    def run(self, work: Callable[[], None]) -> bool:
        """Do the work, or leave it to the thread that is at it. Returns whether this thread did any."""
        self._wanted.set()
        worked = False
        while self._wanted.is_set() and self._busy.acquire(blocking=False):
            try:
                self._wanted.clear()
                work()
                worked = True
            finally:
                self._busy.release()
        return worked
