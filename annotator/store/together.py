"""Threads that write at the same time share one transaction, and so one wait for the disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass
class _Waiting(Generic[T]):
    item: T
    written: bool = False
    error: BaseException | None = None


class Together(Generic[T]):
    """Calls `write` with what has come by then: one thread at a time, for all threads that wait."""

    def __init__(self, write: Callable[[Sequence[T]], None]) -> None:
        self._write = write
        self._turn, self._list = threading.Lock(), threading.Lock()
        self._waiting: list[_Waiting[T]] = []

    def __call__(self, item: T) -> None:
        """Return once the item is written. Raises what `write` raised for it and those written with it."""
        mine = _Waiting(item)
        with self._list:
            self._waiting.append(mine)
        with self._turn:
            if not mine.written:
                self._write_all()
        if mine.error is not None:
            raise mine.error

    def _write_all(self) -> None:
        with self._list:
            batch, self._waiting = self._waiting, []
        error: BaseException | None = None
        try:
            self._write([each.item for each in batch])
        except BaseException as failed:
            error = failed
        for each in batch:
            each.written, each.error = True, error
