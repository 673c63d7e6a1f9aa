"""How often something may be tried, in bounded memory: a few times at once, then one by one."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

MOST_KEYS = 10_000


@dataclass(frozen=True)
class Pace:
    """burst: tries that are free at once; seconds: until one more is."""

    burst: int
    seconds: float


class Throttle:
    """Counts tries by keys. Threads may share it; each process has its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST_KEYS) -> None:
        self._clock = clock
        self._most = most
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """When all tries of a key are free again, on the clock; the key tried last comes last."""
        self._lock = Lock()

    def take(self, paces: Mapping[str, Pace]) -> float:
        """Count a try with each key: 0.0; or count none, and tell the seconds until all of them allow one.

        Whoever tries many things at once is counted before any of them is looked at.
        """
        with self._lock:
            now = self._clock()
            wait = max(self._wait(key, pace, now) for key, pace in paces.items())
            if wait <= 0:
                for key, pace in paces.items():
                    self._free_at[key] = max(self._free_at.pop(key, now), now) + pace.seconds
                self._forget(now)
            return max(wait, 0.0)

    def give_back(self, paces: Mapping[str, Pace]) -> None:
        """Take back a try that was counted with each key: it was none to be slowed down."""
        with self._lock:
            for key, pace in paces.items():
                if key in self._free_at:
                    self._free_at[key] -= pace.seconds

    def forget(self, key: str) -> None:
        """Take back all tries with a key."""
        with self._lock:
            self._free_at.pop(key, None)

    def __len__(self) -> int:
        return len(self._free_at)

    def _wait(self, key: str, pace: Pace, now: float) -> float:
        return max(self._free_at.get(key, now), now) + pace.seconds - now - pace.burst * pace.seconds

    def _forget(self, now: float) -> None:
        """Forget what was tried longest ago: all that is free again, and what is too much."""
        while self._free_at:
            key, free_at = next(iter(self._free_at.items()))
            if free_at > now and len(self._free_at) <= self._most:
                return
            del self._free_at[key]
