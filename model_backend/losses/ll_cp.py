"""Large losses corrected for good."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.batch import Masks
from model_backend.losses.large_loss import LargeLoss
from model_backend.losses.memory import ImageMemory
from model_backend.losses.terms import weighted_bce


class LLCp(LargeLoss):
    """LL-Cp of Kim et al., CVPR 2022: a suspect is read as present from now on, unless it is observed later.

    Suspects pile up, so each step after the first pass takes `delta` of its cells, not (epoch - 1) * delta.
    """

    def __init__(self, delta: float = 0.002) -> None:
        super().__init__(delta)
        self.flipped = ImageMemory(0, torch.bool)

    def share(self, epoch: int) -> float:
        """Delta after the first pass."""
        return self.delta if epoch > 1 else 0.0

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        indices, labels = masks.batch.indices, logits.shape[1]
        flipped = self.flipped.read(indices, labels).to(logits) * masks.unknown
        flipped = flipped + self.suspects(logits, masks.unknown - flipped, masks.batch.epoch)
        if self.training:
            self.flipped.write(indices, flipped)
        return weighted_bce(logits, masks.positive + flipped, masks.assumed_negative - flipped)
