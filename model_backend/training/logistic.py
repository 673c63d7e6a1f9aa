"""Linear heads whose loss is convex, solved by L-BFGS: no rate, no epochs."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from model_backend.errors import LearningError

ITERATIONS = 60
LinearLayer = tuple[Tensor, Tensor]  # weight (D, L), bias (L,)


def fit_softmax(mapped: Tensor, targets: Tensor, l2: float, start: LinearLayer | None = None) -> LinearLayer:
    """Multinomial regression of target distributions (n, L), rows summing to 1, on mapped features (n, D).

    Minimises mean cross-entropy + l2 / 2 |weight|^2; the bias has no penalty. start: where L-BFGS begins.
    """
    return _solve(mapped, targets.shape[1], lambda scores: F.cross_entropy(scores, targets), l2, start)


def fit_sigmoid(mapped: Tensor, targets: Tensor, l2: float, weights: Tensor | None = None) -> LinearLayer:
    """One logistic regression a label of targets in 0..1 (n, L) on mapped features (n, D).

    Minimises the mean over images of the labels' summed cross-entropies + l2 / 2 |weight|^2. weights (n, L):
    how much each cell counts; 1 unless given.
    """

    def loss(scores: Tensor) -> Tensor:
        cells = F.binary_cross_entropy_with_logits(scores, targets, weight=weights, reduction="sum")
        return cells / len(targets)

    return _solve(mapped, targets.shape[1], loss, l2, None)


def fit_shared(
    mapped: Tensor, targets: Tensor, l2: float, positives: float, start: LinearLayer | None = None
) -> LinearLayer:
    """Sigmoids whose shares in their sum are target distributions (n, L), on mapped features (n, D).

    The sigmoids are the chances that labels are present, each as likely as the others to be tagged where it
    is. Minimises mean cross-entropy of the shares + (mean sum / positives - 1)^2, since the shares say
    nothing of the sum, + l2 / 2 |weight|^2. positives: labels an image.
    """
    labels = targets.shape[1]

    def loss(scores: Tensor) -> Tensor:
        logs = F.logsigmoid(scores)
        total = logs.logsumexp(dim=1)
        surprise = (total - (targets * logs).sum(dim=1)).mean()
        return surprise + (total.exp().mean() / positives - 1).square()

    rate = min(positives / labels, 0.5)
    even = mapped.new_zeros(mapped.shape[1], labels), mapped.new_full((labels,), math.log(rate / (1 - rate)))
    return _solve(mapped, labels, loss, l2, start or even)


def _solve(
    mapped: Tensor, labels: int, loss: Callable[[Tensor], Tensor], l2: float, start: LinearLayer | None
) -> LinearLayer:
    first = start or (mapped.new_zeros(mapped.shape[1], labels), mapped.new_zeros(labels))
    weight, bias = (tensor.detach().clone().requires_grad_() for tensor in first)
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=ITERATIONS,
        history_size=10,
        line_search_fn="strong_wolfe",
        tolerance_change=1e-7,
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = loss(torch.addmm(bias, mapped, weight)) + l2 / 2 * weight.square().sum()
        if not bool(torch.isfinite(value)):
            raise LearningError("The linear head diverged: the features are too large.", "Scale them down.")
        torch.autograd.backward(value)
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call] # torch leaves L-BFGS untyped
    return weight.detach(), bias.detach()
