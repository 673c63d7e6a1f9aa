"""Expected positive regularisation."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.batch import Masks
from model_backend.losses.bce import BCE
from model_backend.losses.terms import expected_positive_gap


class EPR(BCE):
    """Known cells, and the batch's mean number of positives held to k. Cole et al. 2021, section 3.2.

    Unknown cells are trained by ((batch mean of the sum of p) - k)^2 / L^2 alone, which is added to the mean
    over cells as in the published code.
    """

    def value(self, logits: Tensor, masks: Masks) -> Tensor:
        """BCE of the known cells plus the regulariser."""
        return super().value(logits, masks) + expected_positive_gap(logits, masks.batch.expected_positives)
