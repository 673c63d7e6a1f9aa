"""Ignore unobserved positives: every known negative."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers


class IUN(Loss):
    """Observed positives and every known negative, each weighing 1; unknown cells cost nothing.

    As Cole et al. 2021 describe it: their code looks for -1 among {0, 1} labels and trains no negative. There
    all true negatives are given and positives but one are hidden; on a three-valued matrix, where a known
    negative is an observed one, this is BCE on the known cells.
    """

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        return answers(logits, known.positive, known.negative)
