"""Weakly assume negative."""

from __future__ import annotations

from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class WAN(Loss):
    """AN whose assumed negatives weigh gamma; an observed negative is no assumption and weighs 1.

    Args:
        gamma: None is 1 / (L - 1), one positive against all that is assumed (Cole et al. 2021, section 3.2).
    """

    def __init__(self, gamma: float | None = None) -> None:
        super().__init__()
        if gamma is not None and gamma < 0:
            raise LearningError(
                f"gamma must not be negative, as {gamma} is.", "Choose a weight of 0 or more."
            )
        self.gamma = gamma

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        gamma = 1 / max(logits.shape[1] - 1, 1) if self.gamma is None else self.gamma
        return weighted_bce(logits, masks.positive, masks.negative + gamma * masks.unknown)
