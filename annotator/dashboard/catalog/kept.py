"""What is read once and looked at often: a few values in memory, each made once however many ask for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
T = TypeVar("T")


class Kept(Generic[K, T]):
    """The values that were asked for last, at most `most` of them, each for as long as its stamp holds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._places: OrderedDict[K, _Place[T]] = OrderedDict()

    def get(self, key: K, stamp: object, make: Callable[[], T], renew: Callable[[T], T] | None = None) -> T:
        """The value of a key, made anew when the stamp is another one than when it was made.

        renew: makes it of the last one, where there is one. Whoever comes while it is made waits for it.
        Raises what these raise, and then keeps nothing.
        """
        with self._lock:
            place = self._places.setdefault(key, _Place())
            self._places.move_to_end(key)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        with place.making:
            if place.made is None or place.made[0] != stamp:
                last, place.made = place.made, None
                if last is not None and renew is not None:
                    place.made = stamp, renew(last[1])
                else:
                    last = None  # let go of the old one before there is a new one
                    place.made = stamp, make()
            return place.made[1]


class Same:
    """A stamp that holds for as long as these are the same objects.

    >>> one, other = [1], [1]
    >>> Same(one) == Same(one), Same(one) == Same(other)
    (True, False)
    """

    def __init__(self, *objects: object) -> None:
        self._objects = objects

    def __eq__(self, other: object) -> bool:
        """Whether they are."""
        return isinstance(other, Same) and tuple(map(id, self._objects)) == tuple(map(id, other._objects))

    def __hash__(self) -> int:
        """By which objects they are."""
        return hash(tuple(map(id, self._objects)))


class _Place(Generic[T]):
    def __init__(self) -> None:
        self.making = threading.Lock()
        self.made: tuple[object, T] | None = None
