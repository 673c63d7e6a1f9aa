"""Binary cross entropy with label smoothing."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss, check_share
from model_backend.losses.batch import Masks
from model_backend.losses.terms import smoothed_bce


class BCELS(Loss):
    """BCE with targets 1 - smoothing and smoothing in the place of 1 and 0; an unknown cell costs nothing.

    Args:
        smoothing: 0.1 in the code of Cole et al. 2021.
    """

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = check_share("smoothing", smoothing)

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        return smoothed_bce(logits, masks.positive, masks.negative, self.smoothing)
