"""Assume negative with label smoothing."""

from __future__ import annotations

from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses.base import Loss, check_share
from model_backend.losses.batch import Masks
from model_backend.losses.terms import smoothed_bce

FORMS = {"code": 1.0, "paper": 0.5}


class ANLS(Loss):
    """AN with smoothed targets.

    Args:
        smoothing: epsilon, 0.1 in Cole et al. 2021.
        form: "code" smooths both sides by epsilon (targets 0.9 and 0.1), as the published code; "paper" by
            epsilon / 2 (0.95 and 0.05), as the published formula with its 1^(epsilon/2).
    """

    def __init__(self, smoothing: float = 0.1, form: str = "code") -> None:
        super().__init__()
        if form not in FORMS:
            raise LearningError(f"There is no form {form!r} of AN-LS.", f"Choose {' or '.join(FORMS)}.")
        self.smoothing = check_share("smoothing", smoothing) * FORMS[form]

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        return smoothed_bce(logits, masks.positive, masks.assumed_negative, self.smoothing)
