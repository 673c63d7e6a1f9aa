"""Assume negative."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class AN(Loss):
    """BCE that reads every unknown cell as absent. Cole et al. 2021, equation 2."""

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        return weighted_bce(logits, masks.positive, masks.assumed_negative)
