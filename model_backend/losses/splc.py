"""Self-paced loss correction."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import Loss, check_share
from model_backend.losses.batch import Masks
from model_backend.losses.terms import focal_positive_nll, negative_nll


class SPLC(Loss):
    """Focal margin loss that reads an unknown cell above a threshold as present, absent below it.

    Zhang et al. 2021, arXiv 2112.07368. Observed positives: (1 - p_m)^gamma * -log p_m, p_m the sigmoid of
    z - margin; the margin is theirs alone, as in the published code. Cells read as present: the same without
    margin; absent: p^gamma * -log(1 - p). An observed negative is never flipped.

    Args:
        threshold: tau, on p.
        margin: taken off the logits of observed positives.
        gamma: focus on what is not yet learned.
        first: the pass from which cells are flipped; 2 is after the first, as published.
    """

    def __init__(
        self, threshold: float = 0.6, margin: float = 1.0, gamma: float = 2.0, first: int = 2
    ) -> None:
        super().__init__()
        self.threshold = check_share("threshold", threshold)
        self.margin, self.gamma, self.first = margin, gamma, first

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        flipped = torch.zeros_like(logits)
        if masks.batch.epoch >= self.first:
            flipped = masks.unknown * (logits.detach().sigmoid() > self.threshold)
        assumed = masks.assumed_negative - flipped
        observed = masks.positive * focal_positive_nll(logits - self.margin, self.gamma)
        cost = observed + flipped * focal_positive_nll(logits, self.gamma)
        return cost + assumed * logits.sigmoid() ** self.gamma * negative_nll(logits)
