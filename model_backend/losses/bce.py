"""Binary cross entropy on what is known."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import weighted_bce


class BCE(Loss):
    """-log p on observed positives, -log(1 - p) on observed negatives; an unknown cell costs nothing.

    Meant for fully labelled images, the upper bound of Cole et al. 2021, section 4. Nothing is assumed of
    unknown cells: to read them as absent, use AN.
    """

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        return weighted_bce(logits, masks.positive, masks.negative)
