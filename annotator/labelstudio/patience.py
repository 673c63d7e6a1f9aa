"""Which hosts are given up for a while, so that one that hangs does not hold up the images of others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from annotator.labelstudio.errors import ImageUnavailable
from annotator.unusable import Unusable

FAILURES = 4  # in a row
PAUSE = 60.0  # seconds


@dataclass
class _Host:
    failures: int = 0
    until: float = 0.0


class Patience:
    """Counts the failures of each host since it last answered. Threads may share it.

    >>> patience = Patience()
    >>> for _ in range(FAILURES):
    ...     patience.failed("example.net")
    >>> patience.require("example.net")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    annotator.labelstudio.errors.ImageUnavailable: example.net failed 4 times in a row. It is asked again...
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def require(self, host: str) -> None:
        """Raise ImageUnavailable when the host is given up at the moment."""
        with self._lock:
            known = self._hosts.get(host)
            if known is not None and self._clock() < known.until:
                raise ImageUnavailable(
                    f"{host} failed {known.failures} times in a row.",
                    "It is asked again soon.",
                    Unusable.UNREACHED,
                )

    def failed(self, host: str) -> None:
        """Note that the host did not answer, or failed; after a pause one more failure is enough."""
        with self._lock:
            known = self._hosts.setdefault(host, _Host())
            known.failures += 1
            if known.failures >= FAILURES:
                known.until = self._clock() + PAUSE

    def answered(self, host: str) -> None:
        """Note that the host answers."""
        with self._lock:
            self._hosts.pop(host, None)
