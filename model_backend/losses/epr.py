"""Expected positive regularisation."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers, expected_positive_gap


class EPR(Loss):
    """Known cells, and the batch's mean number of positives held to k. Cole et al. 2021, section 3.2.

    Unknown cells are trained by ((batch mean of the sum of p) - k)^2 / L^2 alone, which is added to the mean
    over cells as in the published code.
    """

    def value(self, logits: Tensor, known: Known) -> Tensor:
        """Mean of the known cells plus the regulariser."""
        return super().value(logits, known) + expected_positive_gap(logits, known.batch.expected_positives)

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        return answers(logits, known.positive, known.negative)
