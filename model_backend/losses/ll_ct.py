"""Large losses corrected for the step."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.batch import Masks
from model_backend.losses.large_loss import LargeLoss
from model_backend.losses.terms import weighted_bce


class LLCt(LargeLoss):
    """LL-Ct of Kim et al., CVPR 2022: a suspect is read as present in this step."""

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        suspects = self.suspects(logits, masks.unknown, masks.batch.epoch)
        return weighted_bce(logits, masks.positive + suspects, masks.assumed_negative - suspects)
