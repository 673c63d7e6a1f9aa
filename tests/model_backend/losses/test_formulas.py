"""Each loss is held to its formula, written out cell by cell in NumPy and double precision.

Every naive function takes (z, y, x): logits, observed matrix and the rest (g estimator logits, k, epoch,
epochs, w weights of observed positives), and returns the scalar.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_backend.losses import LOSSES, Batch, Loss

Make = Callable[..., Loss]
Problem = Callable[..., tuple[torch.Tensor, Batch]]
Matrix = NDArray[Any]


@dataclass(frozen=True)
class Rest:
    g: Matrix
    k: float
    epoch: int
    epochs: int
    w: Matrix
    labels: int


Cell = Callable[[float, int, float, Rest], float]
Naive = Callable[[Matrix, Matrix, Rest], float]


def sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softplus(z: float) -> float:
    return max(z, 0) + math.log1p(math.exp(-abs(z)))


def positive_nll(z: float) -> float:
    return softplus(-z)


def negative_nll(z: float) -> float:
    return softplus(z)


def soft(z: float, target: float) -> float:
    return target * positive_nll(z) + (1 - target) * negative_nll(z)


def entropy(z: float) -> float:
    return soft(z, sigmoid(z))


def mean_cells(cell: Cell) -> Naive:
    """A loss from what one cell costs: cell(z, y, w, x) -> cost."""

    def loss(z: Matrix, y: Matrix, x: Rest) -> float:
        images, labels = z.shape
        total = 0.0
        for b in range(images):
            for j in range(labels):
                total += cell(z[b, j], y[b, j], x.w[b, j], x)
        return total / (images * labels)

    return loss


def bce(z: float, y: int, w: float, x: Rest) -> float:
    return {1: w * positive_nll(z), -1: negative_nll(z), 0: 0.0}[int(y)]


def bce_ls(z: float, y: int, w: float, x: Rest) -> float:
    return {1: w * soft(z, 0.9), -1: soft(z, 0.1), 0: 0.0}[int(y)]


def an(z: float, y: int, w: float, x: Rest) -> float:
    return w * positive_nll(z) if y == 1 else negative_nll(z)


def an_ls(target: float) -> Cell:
    return lambda z, y, w, x: w * soft(z, 1 - target) if y == 1 else soft(z, target)


def wan(z: float, y: int, w: float, x: Rest) -> float:
    return {1: w * positive_nll(z), -1: negative_nll(z), 0: negative_nll(z) / max(x.labels - 1, 1)}[int(y)]


def em(z: float, y: int, w: float, x: Rest) -> float:
    return {1: w * positive_nll(z), -1: negative_nll(z), 0: -0.1 * entropy(z)}[int(y)]


def splc(z: float, y: int, w: float, x: Rest) -> float:
    def focal(z: float) -> float:
        return (1 - sigmoid(z)) ** 2 * positive_nll(z)

    if y == 1:
        return w * focal(z - 1)
    if y == 0 and x.epoch >= 2 and sigmoid(z) > 0.6:
        return focal(z)
    return sigmoid(z) ** 2 * negative_nll(z)


def hill(z: float, y: int, w: float, x: Rest) -> float:
    p = sigmoid(z)
    return {
        1: w * (1 - sigmoid(z - 1)) ** 2 * positive_nll(z - 1),
        -1: negative_nll(z),
        0: (1.5 - p) * p * p,
    }[int(y)]


def gr(z: float, y: int, w: float, x: Rest) -> float:
    if y != 0:
        return w * positive_nll(z) if y == 1 else negative_nll(z)
    p, early, late = sigmoid(z), (x.epoch - 1) / x.epochs, x.epoch / x.epochs
    pseudo_label = sigmoid(2 * early * p - 2)
    weight = math.exp(-0.5 * ((p - (0.5 + 0.3 * late)) / (2 - 1.5 * late)) ** 2)
    as_present = (1 - float(p**0.01)) / 0.01
    return weight * (pseudo_label * as_present + (1 - pseudo_label) * (1 - (1 - p)))


def iu(z: Matrix, y: Matrix, x: Rest) -> float:
    total = 0.0
    for b in range(len(z)):
        negatives = [j for j in range(x.labels) if y[b, j] == -1]
        total += sum(x.w[b, j] * positive_nll(z[b, j]) for j in range(x.labels) if y[b, j] == 1)
        total += sum(negative_nll(z[b, j]) for j in negatives) / max(len(negatives), 1)
    return total / z.size


def pr(z: Matrix, y: Matrix, x: Rest) -> float:
    total = 0.0
    for b in range(len(z)):
        for i in range(x.labels):
            for j in range(x.labels):
                if y[b, i] == 1 and y[b, j] != 1:
                    total += x.w[b, i] * max(0.0, 1 - sigmoid(z[b, i]) + sigmoid(z[b, j]))
            if y[b, i] == -1:
                total += max(0.0, 1 - 1 + sigmoid(z[b, i]))
    return total / z.size


def gap(z: Matrix, x: Rest) -> float:
    counts = [sum(sigmoid(value) for value in row) for row in z]
    return (sum(counts) / len(counts) - x.k) ** 2 / x.labels**2


def epr(z: Matrix, y: Matrix, x: Rest) -> float:
    return mean_cells(bce)(z, y, x) + gap(z, x)


def role(z: Matrix, y: Matrix, x: Rest) -> float:
    total = 0.0
    for b in range(len(z)):
        for j in range(x.labels):
            p, g = z[b, j], x.g[b, j]
            total += bce(p, y[b, j], x.w[b, j], x) + bce(g, y[b, j], x.w[b, j], x)
            total += soft(p, sigmoid(g)) + soft(g, sigmoid(p))
    return 0.5 * total / z.size + 0.5 * (gap(z, x) + gap(x.g, x))


def suspects_of(z: Matrix, y: Matrix, count: int) -> set[tuple[int, int]]:
    """Unknown cells whose loss as absent is at least the count-th largest among unknowns."""
    costs = sorted((negative_nll(z[b, j]) for b, j in np.argwhere(y == 0)), reverse=True)
    last = costs[min(count, len(costs)) - 1] if count and costs else math.inf
    return {(b, j) for b, j in map(tuple, np.argwhere(y == 0)) if negative_nll(z[b, j]) >= last}


def large_loss(*, correct: bool) -> Naive:
    def loss(z: Matrix, y: Matrix, x: Rest) -> float:
        suspects = suspects_of(z, y, math.ceil(z.size * (x.epoch - 1) * 0.1))
        total = 0.0
        for b in range(len(z)):
            for j in range(x.labels):
                if (b, j) in suspects:
                    total += positive_nll(z[b, j]) if correct else 0.0
                else:
                    total += an(z[b, j], y[b, j], x.w[b, j], x)
        return total / z.size

    return loss


def ll_cp(z: Matrix, y: Matrix, x: Rest) -> float:
    """The first step after the first pass: delta of the cells, not (epoch - 1) of them."""
    return large_loss(correct=True)(z, y, replace(x, epoch=min(x.epoch, 2)))


def softmax(z: Matrix, y: Matrix, x: Rest) -> float:
    total = 0.0
    for b in range(len(z)):
        top = max(z[b])
        log_total = top + math.log(sum(math.exp(value - top) for value in z[b]))
        tags = [j for j in range(x.labels) if y[b, j] == 1]
        possible = [j for j in range(x.labels) if y[b, j] != -1]
        if tags:
            weights = sum(x.w[b, j] for j in tags)
            row = sum(0.8 * x.w[b, j] / weights * (log_total - z[b, j]) for j in tags)
            row += sum(0.2 / len(possible) * (log_total - z[b, j]) for j in possible)
            total += row * weights / len(tags)
        elif possible and len(possible) < x.labels:
            rest = max(z[b, j] for j in possible)
            total += log_total - rest - math.log(sum(math.exp(z[b, j] - rest) for j in possible))
    return total / len(z)


NAIVE: dict[str, Naive] = {
    "bce": mean_cells(bce),
    "bce-ls": mean_cells(bce_ls),
    "an": mean_cells(an),
    "an-ls": mean_cells(an_ls(0.1)),
    "wan": mean_cells(wan),
    "iu": iu,
    "iun": mean_cells(bce),
    "pseudo-negative": mean_cells(an),  # with as many draws as there are labels
    "pr": pr,
    "epr": epr,
    "role": role,
    "em": mean_cells(em),
    "em-apl": mean_cells(em),  # before its first soft negatives
    "ll-r": large_loss(correct=False),
    "ll-ct": large_loss(correct=True),
    "ll-cp": ll_cp,
    "splc": mean_cells(splc),
    "hill": mean_cells(hill),
    "gr": mean_cells(gr),
    "softmax": softmax,
}


def plain(logits: torch.Tensor, batch: Batch) -> tuple[Matrix, Matrix, Rest]:
    """(z, y, x) for the naive losses."""
    z, y = logits.double().cpu().numpy(), batch.observed.cpu().numpy()
    weights = np.ones(z.shape)
    if batch.propensity is not None:
        weights = 1 / np.clip(np.broadcast_to(batch.propensity.numpy(), z.shape), 0.05, 1)
    assert batch.estimate is not None
    g = batch.estimate.double().cpu().numpy()
    return z, y, Rest(g, batch.expected_positives, batch.epoch, batch.epochs, weights, z.shape[1])


def test_every_loss_has_its_formula_here() -> None:
    assert set(NAIVE) == set(LOSSES)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_loss_is_its_formula(
    name: str, make: Make, problem: Problem, device: str, seed: int, epoch: int
) -> None:
    logits, batch = problem(seed=seed, epoch=epoch, device=device)
    assert make(name)(logits, batch).item() == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)


def test_observed_positives_weigh_their_inverse_propensity(name: str, make: Make, problem: Problem) -> None:
    logits, batch = problem(propensity=torch.tensor([0.5, 0.2, 1.0, 0.001, 0.8], dtype=torch.float64))
    weighted = make(name)(logits, batch).item()
    assert weighted == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)
    _, even = problem()
    assert weighted != pytest.approx(make(name)(logits, even).item(), rel=1e-6)


def test_the_formula_of_the_paper_smooths_half_as_much(make: Make, problem: Problem) -> None:
    logits, batch = problem()
    expected = mean_cells(an_ls(0.05))(*plain(logits, batch))
    assert make("an-ls", form="paper")(logits, batch).item() == pytest.approx(expected)


def test_one_drawn_negative_of_the_paper_is_iu(make: Make, problem: Problem) -> None:
    logits, batch = problem(images=1, labels=4)
    object.__setattr__(batch, "observed", torch.tensor([[1, 0, -1, 0]]))
    expected = (positive_nll(logits[0, 0].item()) + negative_nll(logits[0, 2].item())) / 4
    assert make("iu")(logits, batch).item() == pytest.approx(expected)


@pytest.mark.parametrize(("images", "labels"), [(5, 1), (1, 1), (1, 7)])
def test_one_label_or_one_image_is_no_special_case(
    name: str, make: Make, problem: Problem, images: int, labels: int
) -> None:
    logits, batch = problem(images, labels, epoch=2)
    assert make(name)(logits, batch).item() == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)
