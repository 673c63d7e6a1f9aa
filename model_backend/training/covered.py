"""Which cells of an observed matrix complete reviews tell: of labels that came later they say nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.bool_]
LEAST_DRAWN = 20  # reviewed images drawn by chance, from which on these alone stand for all images


def covered_cells(observed: NDArray[np.integer], covered: Cells | None = None) -> Cells:
    """(N, L): what is known by a complete review, not by a tag alone. Read-only.

    covered: as `Pool` has it; where it is None, every label of the images of which all labels are known.
    With one label alone a tag knows all of them, and nothing counts as reviewed.

    >>> covered_cells(np.array([[1, -1], [1, 0]], np.int8)).tolist()
    [[True, True], [False, False]]
    """
    complete = (observed != 0).all(axis=1) & (observed.shape[1] > 1)
    whole: Cells = np.broadcast_to(complete[:, None], observed.shape)
    return whole if covered is None else covered


def measured_cells(
    observed: NDArray[np.integer], covered: Cells | None = None, drawn: Cells | None = None
) -> Cells:
    """(N, L): the covered cells that stand for all images. Read-only.

    drawn (N,): the images that chance alone picked to be marked completely. Once 20 of these are reviewed,
    they alone count: others were chosen, by a policy or by a person, and what holds for them need not hold
    for all.
    """
    cells = covered_cells(observed, covered)
    if drawn is None:
        return cells
    by_chance: Cells = cells & drawn[:, None]
    return by_chance if by_chance.any(axis=1).sum() >= LEAST_DRAWN else cells


def told_cells(observed: NDArray[np.integer], covered: Cells | None, asked: Cells | None) -> Cells:
    """(N, L): what is known whatever annotators like to tag: by a complete review, or asked by name."""
    cells = covered_cells(observed, covered)
    return cells if asked is None else cells | asked
