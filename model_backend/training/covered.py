"""Which cells of an observed matrix complete reviews tell: of labels that came later they say nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Cells = NDArray[np.bool_]


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


def told_cells(observed: NDArray[np.integer], covered: Cells | None, asked: Cells | None) -> Cells:
    """(N, L): what is known whatever annotators like to tag: by a complete review, or asked by name."""
    cells = covered_cells(observed, covered)
    return cells if asked is None else cells | asked
