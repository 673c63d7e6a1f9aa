"""Binary cross entropy with label smoothing."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss, check_share
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers


class BCELS(Loss):
    """BCE with targets 1 - smoothing and smoothing on both sides; an unknown cell costs nothing.

    Args:
        smoothing: 0.1 in the code of Cole et al. 2021.
    """

    def __init__(self, smoothing: float = 0.1) -> None:
        super().__init__()
        self.smoothing = check_share("smoothing", smoothing)

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        smoothing, kept = self.smoothing, 1 - self.smoothing
        return answers(
            logits,
            kept * known.positive + smoothing * known.negative,
            smoothing * known.positive + kept * known.negative,
        )
