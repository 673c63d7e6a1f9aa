"""Signs of life from outside: counted by who lives, timed by who watches. No two clocks have to agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

AT_MOST = 10.0  # seconds that count between two looks: after a pause of our own, others may have paused too


class Watch:
    """How long each of some counters has stood still, on this process's own clock.

    clock: seconds that only ever grow, whatever happens to the time of day.

    >>> now = iter([0.0, 8.0, 16.0, 17.0])
    >>> watch = Watch(lambda: next(now))
    >>> [watch.silent({1: 5, 2: beats}, 15.0) for beats in (1, 2, 3, 4)]
    [[], [], [1], [1]]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looked_at: float | None = None
        self._seen: dict[int, tuple[int, float]] = {}  # beats, and the seconds for which they have stood

    def silent(self, beats: Mapping[int, int], seconds: float) -> list[int]:
        """Look at the counters by id; those that have been seen to stand still for so long."""
        now = self._clock()
        passed = min(now - self._looked_at, AT_MOST) if self._looked_at is not None else 0.0
        before, self._looked_at = self._seen, now
        self._seen = {
            key: (count, before[key][1] + passed if before.get(key, (None,))[0] == count else 0.0)
            for key, count in beats.items()
        }
        return [key for key, (_, still) in self._seen.items() if still >= seconds]
