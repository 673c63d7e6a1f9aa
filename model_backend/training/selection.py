"""Choosing without a labelled validation set: tags held out, and how well a model ranks them.

What such a choice loses is measured by `benchmarks/selection.py`: always taking the shipped default loses
less, on UC Merced with any number of tags and on a COCO sample from 800 on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from model_backend.errors import LearningError

SHARE = 0.2


@dataclass(frozen=True, eq=False)
class HeldOut:
    """observed (N, L): what remains to train on; rows (m,): images held out; tags (m, L): their positives."""

    observed: Tensor
    rows: Tensor
    tags: Tensor


def held_out(observed: Tensor, seed: int, share: float = SHARE) -> HeldOut:
    """Hide everything observed on a random share of the images that have a positive.

    Raises LearningError below ten such images: that is too few to learn from the rest and judge by these.
    """
    tagged = (observed > 0).any(dim=1).nonzero()[:, 0]
    if len(tagged) < 10:
        raise LearningError(f"{len(tagged)} tagged images are too few to hold some out.", "Tag at least ten.")
    order = torch.randperm(len(tagged), generator=torch.Generator().manual_seed(seed)).to(tagged.device)
    rows = tagged[order[: max(1, round(share * len(tagged)))]]
    remaining = observed.clone()
    remaining[rows] = 0
    return HeldOut(remaining, rows, observed[rows] > 0)


def tag_auc(scores: Tensor, tags: Tensor) -> float:
    """Mean over labels of the AUC, in 0..1, of images tagged with the label against those tagged otherwise.

    scores, tags: (m, L). Labels tagged on none or on all of the images are left out; 0.5 when none is left.
    """
    values, truth = scores.detach().float().cpu().numpy(), tags.cpu().numpy() > 0
    usable = [column for column in range(truth.shape[1]) if 0 < truth[:, column].sum() < len(truth)]
    if not usable:
        return 0.5
    return float(np.mean([roc_auc_score(truth[:, column], values[:, column]) for column in usable]))


def tag_rank(scores: Tensor, tags: Tensor) -> float:
    """Mean reciprocal rank, in 0..1, of an image's best placed tag among all labels; ties in the middle."""
    best = scores.masked_fill(~(tags > 0), float("-inf")).max(dim=1).values[:, None]
    rank = (scores > best).sum(dim=1) + ((scores == best).sum(dim=1) + 1) / 2
    return float((1 / rank).mean())
