"""Shares of what was counted, with how sure they are."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

Z = 1.959964  # of a 95 % interval


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int = 0
    whole: int = 0

    @property
    def value(self) -> float | None:
        """The share, 0..1; None of nothing."""
        return self.part / self.whole if self.whole else None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the share lies with 95 % certainty (Wilson 1927, the score interval); anywhere, of nothing.

        >>> low, high = Share(9, 10).interval
        >>> round(low, 2), round(high, 2)
        (0.6, 0.98)
        """
        if not self.whole:
            return 0.0, 1.0
        share, square = self.part / self.whole, Z**2
        middle = (self.part + square / 2) / (self.whole + square)
        half = Z / (self.whole + square) * sqrt(self.part * (1 - share) + square / 4)
        return max(0.0, middle - half), min(1.0, middle + half)
