"""The Hill loss."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import focal_positive_nll, negative_nll


class Hill(Loss):
    """Assumed negatives cost (weight - p) p^2: little again where p is high enough for a positive.

    Zhang et al. 2021, arXiv 2112.07368. Observed positives have the focal margin term (1 - p_m)^gamma *
    -log p_m with p_m the sigmoid of z - margin. An observed negative needs no doubt and costs -log(1 - p).

    Args:
        weight: their lambda.
        margin: taken off the logits of observed positives.
        gamma: focus on what is not yet learned.
    """

    def __init__(self, weight: float = 1.5, margin: float = 1.0, gamma: float = 2.0) -> None:
        super().__init__()
        self.weight, self.margin, self.gamma = weight, margin, gamma

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        probability = logits.sigmoid()
        focal = focal_positive_nll(logits - self.margin, self.gamma)
        hill = (self.weight - probability) * probability**2
        return masks.positive * focal + masks.negative * negative_nll(logits) + masks.unknown * hill
