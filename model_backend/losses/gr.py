"""The generalised robust loss."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import negative_nll, positive_nll, weighted_bce


class GR(Loss):
    """An unknown cell is a present one with chance K(p) and weighs V(p), both moving over the passes.

    Chen et al., IJCAI 2024, arXiv 2405.03501: V [K (1 - p^q2) / q2 + (1 - K) (1 - (1 - p)^q3) / q3] with K
    = sigmoid(w p + b) and V = exp(-((p - mu) / sigma)^2 / 2), neither of them differentiated. Known cells
    cost -log p and -log(1 - p). Defaults and schedules are those of the published code: w and b move by
    (epoch - 1) / epochs, mu and sigma by epoch / epochs.

    Args:
        slope: w, first and last.
        shift: b, first and last.
        center: mu, first and last.
        width: sigma, first and last.
        powers: q2 and q3; towards 0 the term tends to the logarithm, at 1 it is linear in p.
    """

    def __init__(
        self,
        slope: tuple[float, float] = (0.0, 2.0),
        shift: tuple[float, float] = (-2.0, -2.0),
        center: tuple[float, float] = (0.5, 0.8),
        width: tuple[float, float] = (2.0, 0.5),
        powers: tuple[float, float] = (0.01, 1.0),
    ) -> None:
        super().__init__()
        self.slope, self.shift, self.center, self.width, self.powers = slope, shift, center, width, powers

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L)."""
        pseudo_label, weight = self.pseudo_label_and_weight(logits.detach().sigmoid(), masks)
        as_present = power_loss(positive_nll(logits), self.powers[0])
        as_absent = power_loss(negative_nll(logits), self.powers[1])
        unknown = weight * (pseudo_label * as_present + (1 - pseudo_label) * as_absent)
        return weighted_bce(logits, masks.positive, masks.negative) + masks.unknown * unknown

    def pseudo_label_and_weight(self, probability: Tensor, masks: Masks) -> tuple[Tensor, Tensor]:
        """K and V (B, L) at this pass."""
        epoch, epochs = masks.batch.epoch, max(masks.batch.epochs, 1)
        before, after = (epoch - 1) / epochs, epoch / epochs
        slope, shift = interpolated(self.slope, before), interpolated(self.shift, before)
        pseudo_label = (slope * probability + shift).sigmoid()
        distance = (probability - interpolated(self.center, after)) / interpolated(self.width, after)
        return pseudo_label, torch.exp(-(distance**2) / 2)


def interpolated(ends: tuple[float, float], share: float) -> float:
    """The value a `share` of the way from the first to the last."""
    return ends[0] + (ends[1] - ends[0]) * share


def power_loss(negative_log: Tensor, power: float) -> Tensor:
    """(1 - x^q) / q, from `negative_log` = -log x and `power` = q."""
    return -torch.expm1(-power * negative_log) / power
