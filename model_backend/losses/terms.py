"""The few terms that the losses are made of, in logits: finite, and with finite gradients, everywhere."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus


def present(logits: Tensor) -> Tensor:
    """-log p, what an answer "present" costs."""
    return softplus(-logits)


def absent(logits: Tensor) -> Tensor:
    """-log(1 - p), what an answer "absent" costs."""
    return softplus(logits)


def answers(logits: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """-yes log p - no log(1 - p): a cell that weighs `yes` as present and `no` as absent."""
    return yes * present(logits) + no * absent(logits)


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """-t log p - (1 - t) log(1 - p) for targets t in [0, 1]; the gradient flows into both."""
    return answers(logits, target, 1 - target)


def entropy(logits: Tensor) -> Tensor:
    """-p log p - (1 - p) log(1 - p)."""
    return cross_entropy(logits, logits.sigmoid())


def expected_positive_gap(logits: Tensor, expected_positives: float) -> Tensor:
    """((mean over the batch of the sum of p) - k)^2 / L^2, a scalar (Cole et al. 2021, its code)."""
    images, labels = logits.shape
    mean = logits.sigmoid().sum() / max(images, 1)
    return ((mean - expected_positives) / labels) ** 2
