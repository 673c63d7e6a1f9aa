"""What a simulated annotator takes the labels of an image for: one mistake, whatever is asked.

A mistake is to take a label that is there for one that is not. So with a share m of mistakes every kind of
answer errs alike: a share m of what is there is missed, and as many labels are said to be there that are not,
so that a share m of what is said to be there is wrong. People who mark images for COCO err to both sides too:
their recall and their precision are measured there (Lin et al., ECCV 2014, section 4.4).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Truth = NDArray[np.integer]
Columns = NDArray[np.intp]


def taken_for(truth: Truth, first: Columns, mistakes: float, random: np.random.Generator) -> Columns:
    """(N, L): the label that each label which is there is taken for, itself unless mistaken.

    truth (N, L): 1 present. first (N,): the label that a tag names, of each image. mistakes: the share, which
    holds exactly among those first labels and among the others together, but for rounding. What is wrong is
    any absent label, no two of an image the same one; where too few are absent, the rest is taken for itself.

    >>> truth = np.tile([[1, 0]], (20, 1))
    >>> taken = taken_for(truth, np.zeros(20, int), 0.05, np.random.default_rng(0))
    >>> int((taken[:, 0] == 1).sum())
    1
    """
    present = truth > 0
    able = present & ~present.all(axis=1, keepdims=True)
    tags = np.zeros_like(able)
    tags[np.arange(len(truth)), first] = True
    wrong_tags = _share(able & tags, mistakes, random)
    others = _share(able & ~tags, mistakes, random)
    absent_first = np.where(present, 2.0, random.random(truth.shape)).argsort(axis=1)
    before = wrong_tags.any(axis=1, keepdims=True) + others.cumsum(axis=1) - others
    place = np.where(wrong_tags, 0, before)
    slips = (wrong_tags | others) & (place < (~present).sum(axis=1, keepdims=True))
    place = np.where(slips, place, 0)
    itself = np.broadcast_to(np.arange(truth.shape[1]), truth.shape)
    return np.where(slips, np.take_along_axis(absent_first, place, axis=1), itself)


def seen_labels(truth: Truth, taken: Columns) -> NDArray[np.bool_]:
    """(N, L): what is seen of images of a known truth (N, L), see `taken_for`."""
    seen = np.zeros(truth.shape, dtype=bool)
    rows, columns = np.nonzero(truth > 0)
    seen[rows, taken[rows, columns]] = True
    return seen


def _share(cells: NDArray[np.bool_], share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    """That share of the cells (N, L), by chance."""
    places = np.flatnonzero(cells)
    chosen = np.zeros(cells.size, dtype=bool)
    chosen[random.permutation(places)[: round(share * len(places))]] = True
    return chosen.reshape(cells.shape)
