"""Assume negative."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers


class AN(Loss):
    """BCE that reads every unknown cell as absent. Cole et al. 2021, equation 2."""

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        return answers(logits, known.positive, known.negative + known.unknown)
