"""Entropy maximisation."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class EM(Loss):
    """Known cells, and -alpha times the entropy of p where nothing is known: the unknown stays undecided.

    Zhou et al., ECCV 2022. The value can be negative.

    Args:
        alpha: published for VOC 0.2, COCO and NUS 0.1, CUB 0.01.
    """

    def __init__(self, alpha: float = 0.1) -> None:
        super().__init__()
        self.alpha = alpha

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        weight, probability = self.alpha * masks.unknown, logits.sigmoid()
        return weighted_bce(
            logits, masks.positive - weight * probability, masks.negative - weight * (1 - probability)
        )
