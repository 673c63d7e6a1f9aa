"""A logger for what huey tries many times a second: while its database is gone, a line a minute is enough."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

SECONDS = 60.0
DRIVERS = ("psycopg", "sqlite3")


class Seldom(logging.LoggerAdapter[logging.Logger]):
    """Tells the same trouble of the database once a minute, in a line; all else as it comes."""

    def __init__(self, logger: logging.Logger, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(logger)
        self._clock = clock
        self._again: dict[str, float] = {}  # message -> from when on it is told again

    def exception(self, msg: object, *args: object, **options: object) -> None:
        """Tell of the exception that is being handled."""
        kind = type(sys.exception() or None)
        if kind.__module__.partition(".")[0] not in DRIVERS:
            super().exception(msg, *args, **options)  # type: ignore[arg-type]
            return
        now = self._clock()
        if now >= self._again.get(str(msg), now):
            self._again[str(msg)] = now + SECONDS
            self.error(f"{str(msg).rstrip('.')} (%s).", *args, kind.__name__)
