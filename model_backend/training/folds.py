"""Each part of some rows with all the others, so that every row can be judged by what has not seen it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

FOLDS = 5


def folds(count: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    """(rows of a fold, all other rows), of `count` rows in an order drawn by seed; none for fewer than two.

    >>> sorted(row for fold, _ in folds(7, seed=0) for row in fold.tolist())
    [0, 1, 2, 3, 4, 5, 6]
    """
    if count < 2:
        return
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    for fold in order.chunk(min(FOLDS, count)):
        kept = torch.ones(count, dtype=torch.bool)
        kept[fold] = False
        yield fold, kept.nonzero()[:, 0]
