"""Large losses rejected."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.batch import Masks
from model_backend.losses.large_loss import LargeLoss
from model_backend.losses.terms import weighted_bce


class LLR(LargeLoss):
    """LL-R of Kim et al., CVPR 2022: a suspect costs nothing in this step."""

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        suspects = self.suspects(logits, masks.unknown, masks.batch.epoch)
        return weighted_bce(logits, masks.positive, masks.assumed_negative - suspects)
