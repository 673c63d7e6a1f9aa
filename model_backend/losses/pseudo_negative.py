"""A random unknown read as absent, drawn anew at each step."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class PseudoNegative(Loss):
    """Known cells, and for each image `count` of its unknown cells as if they were observed absent.

    Most labels are absent from most images, so a random unknown cell is seldom a wrong negative. AN reads all
    unknown cells as absent, this loss a few, as negative sampling does (Mikolov et al. 2013). Draws come from
    `Batch.generator`.

    Args:
        count: draws an image, without repeats; as many as there are where fewer are unknown.
    """

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        if count < 1:
            raise LearningError(f"count must be at least 1, not {count}.", "Choose 1 or more.")
        self.count = count

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        return weighted_bce(logits, masks.positive, masks.negative + self.draw(masks))

    def draw(self, masks: Masks) -> Tensor:
        """(B, L): 1 where an unknown cell is drawn."""
        generator = masks.batch.generator
        device = masks.unknown.device if generator is None else generator.device
        scores = torch.rand(masks.unknown.shape, generator=generator, device=device).to(masks.unknown.device)
        first = scores.masked_fill(masks.unknown == 0, -1).topk(min(self.count, scores.shape[1])).indices
        return torch.zeros_like(masks.unknown).scatter_(1, first, 1) * masks.unknown
