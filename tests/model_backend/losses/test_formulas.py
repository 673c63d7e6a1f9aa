"""Each loss is held to its formula, written out cell by cell in NumPy and double precision.

Every naive function takes (z, y, x): logits, observed matrix and a namespace of the rest (g estimator logits,
k, epoch, epochs, w weights of observed positives), and returns the scalar.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from model_backend.losses import LOSSES


def sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def softplus(z):
    return max(z, 0) + math.log1p(math.exp(-abs(z)))


def yes(z):
    return softplus(-z)


def no(z):
    return softplus(z)


def soft(z, target):
    return target * yes(z) + (1 - target) * no(z)


def entropy(z):
    return soft(z, sigmoid(z))


def mean_cells(cell):
    """A loss from what one cell costs: cell(z, y, w, x) -> cost."""

    def loss(z, y, x):
        images, labels = z.shape
        total = 0.0
        for b in range(images):
            for j in range(labels):
                total += cell(z[b, j], y[b, j], x.w[b, j], x)
        return total / (images * labels)

    return loss


def bce(z, y, w, x):
    return {1: w * yes(z), -1: no(z), 0: 0.0}[int(y)]


def bce_ls(z, y, w, x):
    return {1: w * soft(z, 0.9), -1: soft(z, 0.1), 0: 0.0}[int(y)]


def an(z, y, w, x):
    return w * yes(z) if y == 1 else no(z)


def an_ls(target):
    return lambda z, y, w, x: w * soft(z, 1 - target) if y == 1 else soft(z, target)


def wan(z, y, w, x):
    return {1: w * yes(z), -1: no(z), 0: no(z) / max(x.labels - 1, 1)}[int(y)]


def em(z, y, w, x):
    return {1: w * yes(z), -1: no(z), 0: -0.1 * entropy(z)}[int(y)]


def splc(z, y, w, x):
    def focal_yes(z):
        return (1 - sigmoid(z)) ** 2 * yes(z)

    if y == 1:
        return w * focal_yes(z - 1)
    if y == 0 and x.epoch >= 2 and sigmoid(z) > 0.6:
        return focal_yes(z)
    return sigmoid(z) ** 2 * no(z)


def hill(z, y, w, x):
    p = sigmoid(z)
    return {1: w * (1 - sigmoid(z - 1)) ** 2 * yes(z - 1), -1: no(z), 0: (1.5 - p) * p * p}[int(y)]


def gr(z, y, w, x):
    if y != 0:
        return w * yes(z) if y == 1 else no(z)
    p, early, late = sigmoid(z), (x.epoch - 1) / x.epochs, x.epoch / x.epochs
    belief = sigmoid(2 * early * p - 2)
    weight = math.exp(-0.5 * ((p - (0.5 + 0.3 * late)) / (2 - 1.5 * late)) ** 2)
    return weight * (belief * (1 - p**0.01) / 0.01 + (1 - belief) * (1 - (1 - p)))


def iu(z, y, x):
    total = 0.0
    for b in range(len(z)):
        negatives = [j for j in range(x.labels) if y[b, j] == -1]
        total += sum(x.w[b, j] * yes(z[b, j]) for j in range(x.labels) if y[b, j] == 1)
        total += sum(no(z[b, j]) for j in negatives) / max(len(negatives), 1)
    return total / z.size


def pr(z, y, x):
    total = 0.0
    for b in range(len(z)):
        for i in range(x.labels):
            for j in range(x.labels):
                if y[b, i] == 1 and y[b, j] != 1:
                    total += x.w[b, i] * max(0.0, 1 - sigmoid(z[b, i]) + sigmoid(z[b, j]))
            if y[b, i] == -1:
                total += max(0.0, 1 - 1 + sigmoid(z[b, i]))
    return total / z.size


def gap(z, x):
    counts = [sum(sigmoid(value) for value in row) for row in z]
    return (sum(counts) / len(counts) - x.k) ** 2 / x.labels**2


def epr(z, y, x):
    return mean_cells(bce)(z, y, x) + gap(z, x)


def role(z, y, x):
    total = 0.0
    for b in range(len(z)):
        for j in range(x.labels):
            p, g = z[b, j], x.g[b, j]
            total += bce(p, y[b, j], x.w[b, j], x) + bce(g, y[b, j], x.w[b, j], x)
            total += soft(p, sigmoid(g)) + soft(g, sigmoid(p))
    return 0.5 * total / z.size + 0.5 * (gap(z, x) + gap(x.g, x))


def large_losses(z, y, count):
    """Unknown cells whose loss as absent is at least the count-th largest among unknowns."""
    costs = sorted((no(z[b, j]) for b, j in np.argwhere(y == 0)), reverse=True)
    last = costs[min(count, len(costs)) - 1] if count and costs else math.inf
    return {(b, j) for b, j in map(tuple, np.argwhere(y == 0)) if no(z[b, j]) >= last}


def large_loss(correct):
    def loss(z, y, x):
        suspects = large_losses(z, y, math.ceil(z.size * (x.epoch - 1) * 0.1))
        total = 0.0
        for b in range(len(z)):
            for j in range(x.labels):
                if (b, j) in suspects:
                    total += yes(z[b, j]) if correct else 0.0
                else:
                    total += an(z[b, j], y[b, j], x.w[b, j], x)
        return total / z.size

    return loss


def ll_cp(z, y, x):
    """The first step after the first pass: delta of the cells, not (epoch - 1) of them."""
    return large_loss(correct=True)(z, y, SimpleNamespace(**{**vars(x), "epoch": min(x.epoch, 2)}))


def softmax(z, y, x):
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


NAIVE = {
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


def plain(logits, batch):
    """(z, y, x) for the naive losses."""
    z, y = logits.double().cpu().numpy(), batch.observed.cpu().numpy()
    weights = np.ones(z.shape)
    if batch.propensity is not None:
        weights = 1 / np.clip(np.broadcast_to(batch.propensity.numpy(), z.shape), 0.05, 1)
    g = None if batch.estimate is None else batch.estimate.double().cpu().numpy()
    rest = {"g": g, "k": batch.expected_positives, "epoch": batch.epoch, "epochs": batch.epochs}
    return z, y, SimpleNamespace(**rest, w=weights, labels=z.shape[1])


def test_every_loss_has_its_formula_here():
    assert set(NAIVE) == set(LOSSES)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("epoch", [1, 2, 4])
def test_a_loss_is_its_formula(name, make, problem, device, seed, epoch):
    logits, batch = problem(seed=seed, epoch=epoch, device=device)
    assert make(name)(logits, batch).item() == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)


def test_observed_positives_weigh_their_inverse_propensity(name, make, problem):
    logits, batch = problem(propensity=torch.tensor([0.5, 0.2, 1.0, 0.001, 0.8], dtype=torch.float64))
    weighted = make(name)(logits, batch).item()
    assert weighted == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)
    _, even = problem()
    assert weighted != pytest.approx(make(name)(logits, even).item(), rel=1e-6)


def test_the_formula_of_the_paper_smooths_half_as_much(make, problem):
    logits, batch = problem()
    expected = mean_cells(an_ls(0.05))(*plain(logits, batch))
    assert make("an-ls", form="paper")(logits, batch).item() == pytest.approx(expected)


def test_one_drawn_negative_of_the_paper_is_iu(make, problem):
    logits, batch = problem(images=1, labels=4)
    object.__setattr__(batch, "observed", torch.tensor([[1, 0, -1, 0]]))
    expected = (yes(logits[0, 0].item()) + no(logits[0, 2].item())) / 4
    assert make("iu")(logits, batch).item() == pytest.approx(expected)


@pytest.mark.parametrize(("images", "labels"), [(5, 1), (1, 1), (1, 7)])
def test_one_label_or_one_image_is_no_special_case(name, make, problem, images, labels):
    logits, batch = problem(images, labels, epoch=2)
    assert make(name)(logits, batch).item() == pytest.approx(NAIVE[name](*plain(logits, batch)), rel=1e-9)
