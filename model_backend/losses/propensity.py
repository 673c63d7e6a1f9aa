"""Weights against a biased choice of the tag: the annotator names what is large, central or common.

Source: the propensity scored losses of Jain, Prabhu and Varma, "Extreme Multi-label Loss Functions", KDD
2016. An observed positive weighs 1/propensity, so that the expectation over the annotator's choices is the
loss on all positives. Unknown and absent cells keep weight 1. Weights are clipped, as is usual (Ionides,
"Truncated importance sampling", 2008): a rare label tagged once must not steer the whole step.
"""

from __future__ import annotations

from torch import Tensor

FLOOR = 0.05  # no observed positive weighs more than twenty others


def inverse_propensity(propensity: Tensor, floor: float = FLOOR) -> Tensor:
    """1 / propensity with propensities below `floor` raised to it, so each weight lies in [1, 1/floor]."""
    return propensity.clamp(floor, 1.0).reciprocal()
