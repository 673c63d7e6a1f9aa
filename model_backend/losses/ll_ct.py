"""Large losses corrected for the step."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.batch import Known
from model_backend.losses.large_loss import LargeLoss
from model_backend.losses.terms import answers


class LLCt(LargeLoss):
    """LL-Ct of Kim et al., CVPR 2022: a suspect is read as present in this step."""

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        suspects = self.suspects(logits, known.unknown, known.batch.epoch)
        return answers(logits, known.positive + suspects, self.assumed(known) - suspects)
