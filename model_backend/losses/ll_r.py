"""Large losses rejected."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.batch import Known
from model_backend.losses.large_loss import LargeLoss
from model_backend.losses.terms import answers


class LLR(LargeLoss):
    """LL-R of Kim et al., CVPR 2022: a suspect costs nothing in this step."""

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        suspects = self.suspects(logits, known.unknown, known.batch.epoch)
        return answers(logits, known.positive, self.assumed(known) - suspects)
