"""A part of a project's map, as a link says it."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

DIGITS = 5
FARTHEST = 2.0
"""Places lie in -1..1."""


@dataclass(frozen=True)
class Box:
    """From left to right and from low to high, in the units of places; the edges belong to it.

    >>> str(Box.read("-0.5,0,0.25,1"))
    '-0.5,0,0.25,1'
    """

    left: float
    low: float
    right: float
    high: float

    @classmethod
    def read(cls, told: str) -> Box:
        """The part that a link names. Raises ValueError with the cure."""
        try:
            left, low, right, high = (round(float(each), DIGITS) for each in told.split(","))
        except ValueError:
            raise ValueError(f"box={told[:40]} is no part of the map: give left,low,right,high.") from None
        near = all(abs(each) <= FARTHEST for each in (left, low, right, high))  # nor is NaN
        if not (near and left < right and low < high):
            raise ValueError(
                f"box={told[:40]} is no part of the map: left is less than right, low than high."
            )
        return cls(left, low, right, high)

    def __str__(self) -> str:
        """As a link says it."""
        return ",".join(f"{each + 0.0:.{DIGITS}f}".rstrip("0").rstrip(".") for each in astuple(self))

    def holds(self, places: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
        """Which places (N, 2) lie in it (N,)."""
        across, up = places[:, 0], places[:, 1]
        inside: npt.NDArray[np.bool_] = (
            (across >= self.left) & (across <= self.right) & (up >= self.low) & (up <= self.high)
        )
        return inside

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle, across and up."""
        return (self.left + self.right) / 2, (self.low + self.high) / 2

    @property
    def side(self) -> float:
        """The longer side."""
        return max(self.right - self.left, self.high - self.low)

    def squared(self) -> Box:
        """The square around it with the same middle."""
        (across, up), half = self.middle, self.side / 2
        return Box(across - half, up - half, across + half, up + half)

    def part(self, column: int, row: int, count: int) -> Box:
        """One of count x count equal parts: columns from the left, rows from above, from 0."""
        wide, tall = (self.right - self.left) / count, (self.high - self.low) / count
        left, high = self.left + column * wide, self.high - row * tall
        return Box(left, high - tall, left + wide, high)


def box_around(places: npt.NDArray[np.floating]) -> Box:
    """The square around places (N, 2), a little larger so that rounding loses none; the whole map of none."""
    if not len(places):
        return Box(-1.0, -1.0, 1.0, 1.0)
    low, high = places.min(axis=0), places.max(axis=0)
    half = max(float((high - low).max()) / 2, 10**-DIGITS * 10) * 1.0001 + 10**-DIGITS
    across, up = ((low + high) / 2).tolist()
    return Box(across - half, up - half, across + half, up + half)
