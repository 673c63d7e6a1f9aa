"""The generalised robust loss."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import absent, present


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

    def cells(self, logits: Tensor, known: Known) -> Tensor:
        """(B, L)."""
        belief, weight = self.belief_and_weight(logits.detach().sigmoid(), known)
        yes, no = present(logits), absent(logits)
        as_present, as_absent = power_loss(yes, self.powers[0]), power_loss(no, self.powers[1])
        unknown = weight * (belief * as_present + (1 - belief) * as_absent)
        return known.positive * yes + known.negative * no + known.unknown * unknown

    def belief_and_weight(self, probability: Tensor, known: Known) -> tuple[Tensor, Tensor]:
        """K and V at this pass."""
        epoch, epochs = known.batch.epoch, max(known.batch.epochs, 1)
        before, after = (epoch - 1) / epochs, epoch / epochs
        belief = (moved(self.slope, before) * probability + moved(self.shift, before)).sigmoid()
        distance = (probability - moved(self.center, after)) / moved(self.width, after)
        return belief, torch.exp(-(distance**2) / 2)


def moved(ends: tuple[float, float], share: float) -> float:
    """The way from the first to the last."""
    return ends[0] + (ends[1] - ends[0]) * share


def power_loss(negative_log: Tensor, power: float) -> Tensor:
    """(1 - x^q) / q from -log x."""
    return -torch.expm1(-power * negative_log) / power
