"""Ignore unobserved, one negative an image."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class IU(Loss):
    """Observed cells only, the negatives of an image weighing one together.

    Cole et al. 2021 (appendix) give each image one true negative, drawn once. Reviews leave any number of
    them: dividing by it is the expectation over which one is drawn, and the paper's loss where there is
    one.
    """

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        one = masks.negative / masks.negative.sum(1, keepdim=True).clamp(min=1)
        return weighted_bce(logits, masks.positive, one)
