"""The shipped default: what labels were tagged, what neighbours were tagged, and a head that learns both."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from model_backend.training.convex import Head, fit_sigmoid, fit_softmax
from model_backend.training.graph import affinity, propagate
from model_backend.training.model import Part

SMOOTHING = 0.2
L2 = 0.2
FOLDS = 5
NEIGHBOURS = 15

Progress = Callable[[str, float], None]


def fit_fused(
    mapped: Tensor, observed: Tensor, expected_positives: float, *, seed: int, progress: Progress
) -> tuple[Part, ...]:
    """Heads for mapped features (N, D) and observations (N, L) of which at least one is positive."""
    tags = tag_targets(observed)
    tagged = tags.sum(dim=1) > 0
    progress("softmax over tags", 0.1)
    head = fit_softmax(mapped[tagged], _smooth(tags[tagged]), L2 / int(tagged.sum()))
    progress("out of fold", 0.3)
    away = (mapped @ head[0] + head[1]).softmax(dim=1)
    away[tagged] = out_of_fold(mapped[tagged], tags[tagged], seed=seed, start=head)
    progress("neighbours", 0.6)
    spread = propagate(affinity(mapped, NEIGHBOURS), tags)
    spread = spread / spread.sum(dim=1, keepdim=True).clamp(min=1e-9)
    targets = (expected_positives * (away + spread) / 2).clamp(max=1.0)
    targets = torch.where(observed > 0, 1.0, torch.where(observed < 0, 0.0, targets))
    progress("head on targets", 0.8)
    final = fit_sigmoid(mapped, targets, None, L2 / len(mapped))
    return Part(*final), Part(*head, link="softmax", positives=expected_positives)


def tag_targets(observed: Tensor) -> Tensor:
    """For each image the chance (N, L) that a label is the one tagged: even over its observed positives."""
    positive = (observed > 0).float()
    return positive / positive.sum(dim=1, keepdim=True).clamp(min=1.0)


def out_of_fold(mapped: Tensor, tags: Tensor, *, seed: int, start: Head | None = None) -> Tensor:
    """The tag's distribution (n, L) for each tagged image, from a head that has not seen that image's tag."""
    count = len(mapped)
    if count < 2:
        return tags.mean(dim=0, keepdim=True).expand_as(tags)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    result = torch.empty_like(tags)
    for held_out in order.chunk(min(FOLDS, count)):
        kept = torch.ones(count, dtype=torch.bool)
        kept[held_out] = False
        weight, bias = fit_softmax(mapped[kept], _smooth(tags[kept]), L2 / int(kept.sum()), start)
        result[held_out] = (mapped[held_out] @ weight + bias).softmax(dim=1)
    return result


def _smooth(tags: Tensor) -> Tensor:
    return (1 - SMOOTHING) * tags + SMOOTHING / tags.shape[1]
