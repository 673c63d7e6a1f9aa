"""What a search asks of labels, put to all cells; and how soon each image comes by what is estimated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.catalog.cells import Cells, cell_filters
from annotator.dashboard.catalog.search import Order, Search

if TYPE_CHECKING:
    import numpy.typing as npt

    from annotator.dashboard.catalog.estimates import Estimates
    from annotator.store.said import Said

    Ids = npt.NDArray[np.int64]
    Chances = npt.NDArray[np.float32]

KEYS: dict[Order, Callable[[Chances], Chances]] = {
    Order.PROBABLE: lambda chances: -chances,
    Order.IMPROBABLE: lambda chances: chances,
    Order.UNCERTAIN: lambda chances: np.abs(chances - np.float32(0.5)),
}
"""The orders by estimate: the lowest first."""


@dataclass(frozen=True, eq=False)
class Judged:
    """Of N images and the A labels that a search is about. met: bool (A, N), where all that is asked holds.

    nearest: float32 (N,), the lowest key of the labels that are met, infinite where none is; None where the
    order is not by estimate.
    """

    met: npt.NDArray[np.bool_]
    nearest: Chances | None


def judge(
    search: Search,
    label_ids: Sequence[int],
    image_ids: Ids,
    said: Said | None,
    estimates: Estimates | None,
    thresholds: dict[int, float],
) -> Judged:
    """Put a search to cells. said: None where nothing that is asked depends on what people say."""
    filters, key = cell_filters(search), KEYS.get(search.order)
    shape = len(label_ids), len(image_ids)
    met = np.ones(shape, dtype=np.bool_) if filters else np.broadcast_to(np.True_, shape)
    nearest = None if key is None else np.full(len(image_ids), np.inf, dtype=np.float32)
    for row, label_id in enumerate(label_ids):
        cells = _cells(row, label_id, image_ids, said, estimates, thresholds)
        for holds in filters:
            met[row] &= holds(cells)
        if key is not None and nearest is not None:
            here = np.flatnonzero(met[row] & ~np.isnan(cells.chances))
            nearest[here] = np.minimum(nearest[here], key(cells.chances[here].astype(np.float32)))
    return Judged(met, nearest)


def _cells(
    row: int,
    label_id: int,
    image_ids: Ids,
    said: Said | None,
    estimates: Estimates | None,
    thresholds: dict[int, float],
) -> Cells:
    count = len(image_ids)
    return Cells(
        values=said.values[:, row] if said is not None else np.zeros(count, dtype=np.int8),
        tied=said.tied[:, row] if said is not None else np.zeros(count, dtype=np.bool_),
        chances=(
            estimates.as_stored(label_id, image_ids)
            if estimates is not None
            else np.full(count, np.nan, dtype=np.float16)
        ),
        threshold=thresholds.get(label_id, float("nan")),
    )
