"""The chance of each label to be the one tagged, the image's own tag unseen."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from model_backend.estimators.graph import neighbour_graph
from model_backend.training import Recipe
from model_backend.training.soft_labels import (
    estimate_soft_labels,
    mixed_estimates,
    refined,
    soft_labels_for,
    tag_shares,
)


@pytest.fixture
def points() -> Tensor:
    return torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


def test_tags_are_shared_evenly_over_what_is_present_and_absence_is_no_tag() -> None:
    observed = torch.tensor([[1, 0, 0], [1, -1, 1], [-1, -1, 0]])
    assert tag_shares(observed).tolist() == [[1, 0, 0], [0.5, 0, 0.5], [0, 0, 0]]


def test_the_soft_labels_of_an_image_do_not_depend_on_its_own_tag() -> None:
    points = torch.randn(40, 6, generator=torch.Generator().manual_seed(2))
    away = torch.full((40, 3), 1 / 3)
    tags = torch.eye(3)[torch.arange(40) % 3]
    changed = tags.clone()
    changed[7] = torch.tensor([0.0, 0.0, 1.0])
    graph = neighbour_graph(points, 15)
    before, after = (mixed_estimates(graph, given, away, 0.0, seed=0) for given in (tags, changed))
    assert torch.allclose(before.sum(1), torch.ones(40), atol=1e-5)
    assert torch.allclose(before[7], after[7], atol=1e-5)


def test_near_images_weigh_less_where_they_say_nothing_of_the_tags() -> None:
    random = torch.Generator().manual_seed(0)
    tags = torch.eye(4)[torch.randint(4, (400,), generator=random)]
    away = 0.6 * tags + 0.1
    unrelated = neighbour_graph(torch.randn(400, 4, generator=random), 15)
    related = neighbour_graph(tags + 0.1 * torch.randn(400, 4, generator=random), 15)
    there, here = (
        (mixed_estimates(graph, tags, away, 0.8, seed=0) * tags).sum() / 400 for graph in (unrelated, related)
    )
    even = 0.7 / 2.8 + 0.25 * 1 / 2.8 + 0.8 / 2.8  # the first two weigh 1, the learned distance 0.8
    assert there > even
    assert here > there


def test_every_image_has_soft_labels_tagged_or_not(points: Tensor) -> None:
    observed = torch.zeros(50, 3, dtype=torch.int8)
    observed[torch.arange(20), torch.arange(20) % 3] = 1
    soft_labels = estimate_soft_labels(points, observed, seed=0, progress=lambda *_: None)
    assert soft_labels.shares.shape == (50, 3)
    assert torch.allclose(soft_labels.shares.sum(1), torch.ones(50), atol=1e-5)
    assert soft_labels.tags.sum() == 20
    assert soft_labels.trust == pytest.approx(20 / 120)


def test_refined_shares_follow_what_is_predicted_as_far_as_the_tags_are_trusted() -> None:
    points = torch.randn(60, 4, generator=torch.Generator().manual_seed(3))
    observed = torch.zeros(60, 2, dtype=torch.int8)
    observed[:20, 0], observed[20:40, 1] = 1, 1
    soft_labels = estimate_soft_labels(points, observed, seed=0, progress=lambda *_: None)
    predicted = torch.full((60, 2), 0.05)
    predicted[:20, 0] = predicted[40:50, 0] = 0.9
    predicted[20:40, 1] = predicted[50:, 1] = 0.9
    shares = refined(soft_labels, predicted, seed=0)
    weight = 2 / 3 * 40 / 140
    assert torch.allclose(shares.sum(dim=1), torch.ones(60), atol=1e-5)
    assert torch.allclose(shares[40:50, 0], (1 - weight) * soft_labels.shares[40:50, 0] + weight, atol=1e-3)
    assert torch.allclose(shares[50:, 0], (1 - weight) * soft_labels.shares[50:, 0], atol=1e-3)


def test_what_is_new_in_refined_shares_weighs_less_beside_what_is_expected(points: Tensor) -> None:
    observed = torch.zeros(50, 3, dtype=torch.int8)
    observed[torch.arange(20), torch.arange(20) % 3] = 1
    alone = estimate_soft_labels(points, observed, seed=0, progress=lambda *_: None)
    half = replace(alone, own=0.5)
    predicted = torch.rand(50, 3, generator=torch.Generator().manual_seed(1))
    moved, moved_half = (refined(each, predicted, seed=0) - alone.shares for each in (alone, half))
    assert moved.abs().max() > 0.01
    assert torch.allclose(moved_half, moved / 2, atol=1e-6)


def test_only_the_default_recipe_asks_what_names_tell(points: Tensor) -> None:
    observed = torch.zeros(50, 3, dtype=torch.int8)
    observed[torch.arange(20), torch.arange(20) % 3] = 1
    expected = torch.rand(50, 3, generator=torch.Generator().manual_seed(1))
    owns = []
    for recipe in (Recipe(), Recipe(loss="role")):
        found = soft_labels_for(recipe, points, observed, None, lambda *_: None, expected=expected)
        owns.append(found.own if found else None)
    assert owns[0] is not None
    assert owns[0] < 1
    assert owns[1] == 1
