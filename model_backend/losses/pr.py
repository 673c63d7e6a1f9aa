"""Pairwise ranking."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks


class PR(Loss):
    """Hinge with margin 1 for each pair of an observed positive i and another label j: max(0, 1 - p_i + p_j).

    Cole et al. 2021 (appendix and code). Probabilities differ by at most 1, so the hinge never rests and
    the pairs sum in closed form: B * L work and memory, not B * L^2. An observed negative also ranks below
    a label that is surely present, at a cost of p_j, so that it counts in images without a positive.
    """

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        probability, other = logits.sigmoid(), masks.assumed_negative
        pairs = other.sum(1, keepdim=True) * (-logits).sigmoid() + (other * probability).sum(1, keepdim=True)
        return masks.positive * pairs + masks.negative * probability
