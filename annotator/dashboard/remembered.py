"""Figures that take a while to count, kept for some seconds: who asks never waits for a second counting."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Kept(Generic[T]):
    value: T
    counted: float


class Remembered(Generic[K, T]):
    """The last answer of `look` by its key, for at most `most` keys.

    The first one who asks waits. Later ones get what is there; when that is older than `fresh` seconds, it is
    counted anew meanwhile, once however many ask. What is older than `stale` seconds is waited for again.
    """

    def __init__(
        self, look: Callable[[K], T], *, fresh: float = 2.0, stale: float = 60.0, most: int = 100
    ) -> None:
        self._look = look
        self._fresh, self._stale, self._most = fresh, stale, most
        self._kept: dict[K, _Kept[T]] = {}
        self._lock = threading.Lock()
        self._looking: dict[K, threading.Lock] = {}

    def get(self, key: K) -> T:
        """The figures of a key. Raises what `look` raises."""
        kept = self._kept.get(key)
        age = time.monotonic() - kept.counted if kept else None
        if kept is None or age is None or age > self._stale:
            return self._count(key, newer_than=time.monotonic() - self._fresh)
        if age > self._fresh and not self._lock_of(key).locked():
            threading.Thread(target=self._count_later, args=(key,), daemon=True).start()
        return kept.value

    def peek(self, key: K) -> T | None:
        """The figures of a key where there are some, however old; counts nothing."""
        kept = self._kept.get(key)
        return kept.value if kept else None

    def forget(self, key: K) -> None:
        """Have the next one who asks wait for new figures."""
        with self._lock:
            self._kept.pop(key, None)

    def _lock_of(self, key: K) -> threading.Lock:
        with self._lock:
            return self._looking.setdefault(key, threading.Lock())

    def _count(self, key: K, newer_than: float) -> T:
        with self._lock_of(key):
            kept = self._kept.get(key)
            if kept is not None and kept.counted > newer_than:  # somebody else has counted meanwhile
                return kept.value
            value = self._look(key)
            with self._lock:
                self._kept[key] = _Kept(value, time.monotonic())
                while len(self._kept) > self._most:
                    oldest = min(self._kept, key=lambda each: self._kept[each].counted)
                    self._kept.pop(oldest)
                    self._looking.pop(oldest, None)
            return value

    def _count_later(self, key: K) -> None:
        try:
            self._count(key, newer_than=time.monotonic() - self._fresh)
        except Exception:
            log.warning("Figures of %s could not be counted; the last ones stay.", key, exc_info=True)
