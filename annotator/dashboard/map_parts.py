"""The parts of a map: what lies where, in numbers, each to be looked at closer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.catalog import Box

if TYPE_CHECKING:
    import numpy.typing as npt

SPLIT = 6
"""Parts a side: as many as a finger can tell apart on a phone."""
SMALLEST = 0.001
"""A part of which the side is less is not divided."""


@dataclass(frozen=True)
class Part:
    """One of the squares that a map is divided into. name: as on a chess board, A1 below at the left.

    counts: images of each class; the images of no class are in `images` alone.
    """

    name: str
    box: Box
    images: int
    counts: Sequence[int]


def parts(
    places: npt.NDArray[np.floating], classes: npt.NDArray[np.integer], count: int, square: Box
) -> Iterator[Part]:
    """The parts that have images, from above, of places (N, 2) in a square, with `count` classes (N,)."""
    if square.side < SMALLEST:
        return
    across, up = ((places - (square.left, square.low)) / square.side * SPLIT).T
    columns, rows = (np.clip(each.astype(np.int64), 0, SPLIT - 1) for each in (across, up))
    # One more class for the images of none.
    cells = ((SPLIT - 1 - rows) * SPLIT + columns) * (count + 1) + classes + 1
    table = np.bincount(cells, minlength=SPLIT * SPLIT * (count + 1)).reshape(SPLIT, SPLIT, count + 1)
    for row, column in np.argwhere(table.sum(axis=2)).tolist():
        name = f"{chr(ord('A') + column)}{SPLIT - row}"
        of_class = table[row, column]
        yield Part(name, square.part(column, row, SPLIT), int(of_class.sum()), of_class[1:].tolist())


def nearest_to_middle(places: npt.NDArray[np.floating], square: Box, count: int) -> npt.NDArray[np.intp]:
    """The rows of the places (N, 2) that lie nearest to the middle of a square, the nearest first."""
    distance = np.square(places - square.middle).sum(axis=1)
    return np.argsort(distance, kind="stable")[:count]
