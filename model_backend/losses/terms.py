"""The few terms that the losses are made of, in logits: finite, and with finite gradients, everywhere."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def positive_nll(logits: Tensor) -> Tensor:
    """-log p: the negative log likelihood of "present"."""
    return softplus(-logits)


def negative_nll(logits: Tensor) -> Tensor:
    """-log(1 - p): the negative log likelihood of "absent"."""
    return softplus(logits)


def weighted_bce(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """-positive log p - negative log(1 - p): binary cross entropy with a weight for each of the two terms."""
    return positive * positive_nll(logits) + negative * negative_nll(logits)


def smoothed_bce(logits: Tensor, positive: Tensor, negative: Tensor, smoothing: float) -> Tensor:
    """`weighted_bce` with targets 1 - smoothing and smoothing in the place of 1 and 0."""
    kept = 1 - smoothing
    return weighted_bce(
        logits, kept * positive + smoothing * negative, smoothing * positive + kept * negative
    )


def focal_positive_nll(logits: Tensor, gamma: float) -> Tensor:
    """(1 - p)^gamma * -log p: the focal loss of "present" (Lin et al., ICCV 2017)."""
    return (-logits).sigmoid() ** gamma * positive_nll(logits)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-t log p - (1 - t) log(1 - p) for targets t in [0, 1]; the gradient flows into both."""
    return weighted_bce(logits, target, 1 - target)


def entropy(logits: Tensor) -> Tensor:
    """-p log p - (1 - p) log(1 - p)."""
    return cross_entropy(logits, logits.sigmoid())


def expected_positive_gap(logits: Tensor, expected_positives: float) -> Tensor:
    """((mean over the batch of the sum of p) - k)^2 / L^2, a scalar (Cole et al. 2021, its code)."""
    images, labels = logits.shape
    mean = logits.sigmoid().sum() / max(images, 1)
    return ((mean - expected_positives) / labels) ** 2
