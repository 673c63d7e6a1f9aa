"""A random unknown read as absent, drawn anew at each step."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers


class PseudoNegative(Loss):
    """Known cells, and for each image `count` of its unknown cells as if they were observed absent.

    Most labels are absent from most images, so a random unknown seldom lies; AN reads all of them, this few,
    in the way of negative sampling (Mikolov et al. 2013). Draws come from `Batch.generator`.

    Args:
        count: draws an image, without repeats; as many as there are where fewer are unknown.
    """

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        if count < 1:
            raise LearningError(f"count is at least 1, not {count}.")
        self.count = count

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        return answers(logits, known.positive, known.negative + self.draw(known))

    def draw(self, known: Known) -> Tensor:
        """(B, L): 1 where an unknown cell is drawn."""
        generator = known.batch.generator
        device = known.unknown.device if generator is None else generator.device
        scores = torch.rand(known.unknown.shape, generator=generator, device=device).to(known.unknown.device)
        first = scores.masked_fill(known.unknown == 0, -1).topk(min(self.count, scores.shape[1])).indices
        return torch.zeros_like(known.unknown).scatter_(1, first, 1) * known.unknown
