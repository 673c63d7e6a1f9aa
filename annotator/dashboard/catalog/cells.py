"""Filters of cells: what must hold of one label of an image. Unknown is neither present nor absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.catalog.search import Find, Search, State
from annotator.store.vectors import reaches

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]

SURE = 0.9
"""From which probability on the model is sure; below 1 - SURE it is sure of the opposite."""


@dataclass(frozen=True, eq=False)
class Cells:
    """One label on N images.

    values: int8 (N,), what people say, 0 for unknown. tied: bool (N,), unknown because they disagree.
    chances: (N,), as they are stored, NaN where nothing is. threshold: from which the label is suggested; NaN
    where it never is.
    """

    values: npt.NDArray[np.int8]
    tied: Mask
    chances: npt.NDArray[np.floating]
    threshold: float


CellFilter = Callable[[Cells], "Mask"]


def cell_filters(search: Search) -> list[CellFilter]:
    """All that a search asks of a label."""
    filters: list[CellFilter] = []
    if search.state is not None:
        filters.append(STATES[search.state])
    if search.least is not None:
        filters.append(partial(at_least, search.least))
    if search.most is not None:
        filters.append(partial(at_most, search.most))
    if search.find is not None:
        filters.append(FINDS[search.find])
    return filters


def present(cells: Cells) -> Mask:
    """People say that it is there."""
    return cells.values > 0


def absent(cells: Cells) -> Mask:
    """People say that it is not there."""
    return cells.values < 0


def unknown(cells: Cells) -> Mask:
    """Nobody has said, or as many say yes as no."""
    nothing: Mask = cells.values == 0
    return nothing


def conflict(cells: Cells) -> Mask:
    """As many say yes as no."""
    return cells.tied


def at_least(least: float, cells: Cells) -> Mask:
    """It is estimated at `least` or more."""
    return reaches(cells.chances, least)


def at_most(most: float, cells: Cells) -> Mask:
    """It is estimated at `most` or less."""
    return reaches(most, cells.chances)


def disagreement(cells: Cells) -> Mask:
    """People say one thing, and the model is sure of the other."""
    return (absent(cells) & at_least(SURE, cells)) | (present(cells) & at_most(1 - SURE, cells))


def missing(cells: Cells) -> Mask:
    """Likely there, and not known by people: it reaches the threshold from which it is suggested."""
    return unknown(cells) & at_least(cells.threshold, cells)


def wrong(cells: Cells) -> Mask:
    """Likely not as people say, by confident learning (Northcutt, Jiang and Chuang, 2021).

    An image counts as one of those that show the label where its probability reaches the mean probability of
    those of which people say so, and as one without it in the same way; where both hold, the likelier counts.
    Nothing is likely wrong where people have not said both of the label.
    """
    likely = np.zeros(len(cells.values), dtype=np.bool_)
    known = np.flatnonzero((cells.values != 0) & ~np.isnan(cells.chances))
    chances, shown = cells.chances[known].astype(np.float32), cells.values[known] > 0
    if not shown.any() or shown.all():
        return likely
    against = 1 - chances
    there = chances >= chances[shown].mean(dtype=np.float64)
    not_there = against >= against[~shown].mean(dtype=np.float64)
    likely_there = there & (~not_there | (chances > against))
    likely_not = not_there & (~there | (against > chances))
    likely[known] = np.where(shown, likely_not, likely_there)
    return likely


STATES: dict[State, CellFilter] = {
    State.PRESENT: present,
    State.ABSENT: absent,
    State.UNKNOWN: unknown,
    State.CONFLICT: conflict,
}
FINDS: dict[Find, CellFilter] = {
    Find.DISAGREEMENT: disagreement,
    Find.MISSING: missing,
    Find.WRONG: wrong,
}
