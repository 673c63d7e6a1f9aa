"""The pieces of the shipped training, each against its mathematics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.training import Pool
from model_backend.training.default_heads import fit_default_heads, soft_targets, tag_targets
from model_backend.training.logistic import fit_sigmoid, fit_softmax
from model_backend.training.mlp import MLPSettings, fit_mlps
from model_backend.training.reviews import ReviewEstimate
from model_backend.training.soft_labels import estimate_soft_labels
from model_backend.training.supervision import Supervision

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


def quiet(_stage: str, _done: float) -> None:
    """No one watches."""


def gradient_size(loss: Callable[[Tensor, Tensor], Tensor], head: tuple[Tensor, Tensor]) -> float:
    tensors = [tensor.clone().double().requires_grad_() for tensor in head]
    return max(float(part.abs().max()) for part in torch.autograd.grad(loss(*tensors), tensors))


@pytest.fixture
def points() -> Tensor:
    return torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


def test_the_softmax_head_is_where_its_objective_is_flat(points: Tensor) -> None:
    targets = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)).softmax(1)

    def objective(weight: Tensor, bias: Tensor) -> Tensor:
        scores = points.double() @ weight + bias
        entropy = -(targets.double() * (scores - scores.logsumexp(1, keepdim=True))).sum() / 50
        return entropy + 0.1 / 2 * (weight**2).sum()

    assert gradient_size(objective, fit_softmax(points, targets, 0.1)) < 1e-3


def test_the_sigmoid_head_is_where_its_objective_is_flat(points: Tensor) -> None:
    targets = torch.rand(50, 3, generator=torch.Generator().manual_seed(1))

    def objective(weight: Tensor, bias: Tensor) -> Tensor:
        chance = torch.sigmoid(points.double() @ weight + bias)
        cells = targets * chance.log() + (1 - targets) * (1 - chance).log()
        return -cells.sum() / 50 + 0.1 / 2 * (weight**2).sum()

    assert gradient_size(objective, fit_sigmoid(points, targets, 0.1)) < 1e-3


def test_a_head_that_diverges_says_so() -> None:
    with pytest.raises(LearningError, match="diverged"):
        fit_sigmoid(torch.full((4, 2), float("inf")), torch.eye(4, 2), 0.0)


def test_targets_are_k_times_the_soft_labels_and_what_is_observed_stands() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])
    observed = torch.tensor([[0, 1, -1], [0, 0, 0]])
    supervision = Supervision(observed, 2.0)
    targets = soft_targets(tag_targets(shares, supervision), supervision)
    assert torch.allclose(targets, torch.tensor([[1.0, 1, 0], [1, 0.2, 0]]))


def test_targets_move_towards_the_reviews_as_far_as_these_are_trusted() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2], [0.9, 0.1, 0.0]])
    observed = torch.tensor([[0, 1, -1], [0, 0, 0]])
    reviews = ReviewEstimate(torch.tensor([[0.2, 0.5, 0.5], [0.6, 0.6, 0.4]]), torch.full((3,), 0.25))
    supervision = Supervision(observed, 2.0)
    targets = soft_targets(tag_targets(shares, supervision), supervision, reviews)
    assert torch.allclose(targets, torch.tensor([[0.8, 1, 0], [0.9, 0.3, 0.1]]))


def test_the_more_the_reviews_are_trusted_the_less_the_softmax_over_tags_counts(planted: Planted) -> None:
    pool, truth = planted(100, tagged=60)
    observed = pool.observed.copy()
    observed[:50] = np.where(truth[:50] > 0, 1, -1)
    features = torch.from_numpy(pool.features) / 10
    soft_labels = estimate_soft_labels(features, torch.from_numpy(observed), seed=0, progress=quiet)
    supervision = Supervision(torch.from_numpy(observed), 2.0)
    heads = fit_default_heads(features, supervision, soft_labels, seed=0, progress=quiet)
    assert soft_labels.reviews is not None
    trust = soft_labels.reviews.weighed(tag_targets(soft_labels.shares, supervision)).trust
    assert 0 < float(trust.mean()) < 1
    (share,) = (head.share for head in heads if head.link == "softmax")
    assert share == pytest.approx(1 - float(trust.mean()))


def test_what_names_foretell_takes_weight_from_the_softmax_over_tags(planted: Planted) -> None:
    pool, truth = planted(100, tagged=60)
    features, observed = torch.from_numpy(pool.features) / 10, torch.from_numpy(pool.observed)
    expected = 0.01 + 0.99 * torch.from_numpy(truth > 0).float()
    soft_labels = estimate_soft_labels(features, observed, expected, seed=0, progress=quiet)
    heads = fit_default_heads(features, Supervision(observed, 2.0), soft_labels, seed=0, progress=quiet)
    assert 0 < soft_labels.own < 0.5
    assert [head.share for head in heads if head.link == "softmax"] == pytest.approx([soft_labels.own])


def test_few_tags_trust_the_networks_less(planted: Planted) -> None:
    shares = []
    for tagged in (10, 100):
        pool, _ = planted(100, tagged=tagged)
        features, observed = torch.from_numpy(pool.features) / 10, torch.from_numpy(pool.observed)
        soft_labels = estimate_soft_labels(features, observed, seed=0, progress=quiet)
        heads = fit_default_heads(features, Supervision(observed, 2.0), soft_labels, seed=0, progress=quiet)
        shares.append(sum(head.share for head in heads if len(head.layers) > 1))
    assert shares == pytest.approx([10 / 110, 100 / 200])


def test_small_networks_learn_what_no_line_can() -> None:
    random = torch.Generator().manual_seed(0)
    points = torch.rand(400, 2, generator=random) * 2 - 1
    targets = (points[:, :1] * points[:, 1:] > 0).float()
    (first, first_bias), (second, second_bias) = fit_mlps(
        points, targets, 1, seed=0, settings=MLPSettings(epochs=100, dropout=0.0)
    )[0]
    scores = (points @ first + first_bias).relu() @ second + second_bias
    assert float(((scores > 0) == (targets > 0)).float().mean()) > 0.9


def test_networks_differ_and_seeds_give_the_same_again() -> None:
    points, targets = (
        torch.randn(30, 3, generator=torch.Generator().manual_seed(0)),
        torch.eye(3).repeat(10, 1),
    )
    one, other = fit_mlps(points, targets, 2, seed=5)
    again, _ = fit_mlps(points, targets, 2, seed=5)
    assert not torch.equal(one[0][0], other[0][0])
    assert torch.equal(one[1][0], again[1][0])
    assert np.isfinite(one[1][0].numpy()).all()
