"""What completely reviewed images say of all others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.estimators.graph import neighbour_graph
from model_backend.training import Pool, fit, mean_average_precision
from model_backend.training.reviews import FEW, Reviews, read_reviews

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


@pytest.fixture
def points() -> Tensor:
    return torch.randn(40, 4, generator=torch.Generator().manual_seed(0))


def test_reviews_tell_the_chance_of_every_label_on_every_image(points: Tensor) -> None:
    observed = torch.zeros(40, 2, dtype=torch.int8)
    observed[:20, 0] = torch.where(points[:20, 0] > 0, 1, -1).to(torch.int8)
    observed[:20, 1] = -1
    found = read_reviews(points, observed, neighbour_graph(points, 5), seed=0)
    assert found is not None
    assert found.rows.tolist() == list(range(20))
    unseen = points[20:, 0] > 0
    for estimate in (found.linear, found.near):
        assert estimate.shape == (40, 2)
        assert estimate[20:][unseen, 0].mean() > estimate[20:][~unseen, 0].mean() + 0.05
        assert estimate[:, 1].max() < 0.1, "absent on every reviewed image"


def test_tags_are_no_reviews_nor_is_the_tag_of_an_only_label(points: Tensor) -> None:
    observed = torch.zeros(40, 3, dtype=torch.int8)
    observed[torch.arange(30), torch.arange(30) % 3] = 1
    graph = neighbour_graph(points, 5)
    assert read_reviews(points, observed, graph, seed=0) is None
    assert read_reviews(points, observed[:, :1].abs() + 1, graph, seed=0) is None


def test_a_reviewed_image_does_not_see_its_own_labels(points: Tensor) -> None:
    observed = torch.where(points[:, :2] > 0, 1, -1).to(torch.int8)
    observed[30:] = 0
    changed = observed.clone()
    changed[3] = -changed[3]
    graph = neighbour_graph(points, 5)
    before, after = (read_reviews(points, each, graph, seed=0) for each in (observed, changed))
    assert before is not None
    assert after is not None
    assert torch.allclose(before.held_out[3], after.held_out[3], atol=1e-3)
    assert torch.allclose(before.near[3], after.near[3], atol=0.05)
    assert not torch.allclose(before.held_out, after.held_out, atol=1e-2)


def alike(reviews: int, labels: int = 4) -> tuple[Reviews, Tensor]:
    """Reviews of `reviews` images, all three estimates of which are as good, and the truth of all images."""
    random = torch.Generator().manual_seed(0)
    truth = (torch.rand(300, labels, generator=random) < 0.4).float()
    close = 0.6 * truth + 0.2
    rows = torch.arange(reviews)
    return Reviews(close, close, rows, truth[rows] >= 0, truth[rows], close[rows]), truth


def test_where_tags_foretell_reviews_as_well_the_number_of_reviews_alone_decides() -> None:
    for reviews in (20, 100):
        read, truth = alike(reviews)
        found = read.weighed(0.6 * truth + 0.2)
        assert found.trust.tolist() == pytest.approx([reviews / (reviews + FEW)] * 4, abs=1e-4)


def test_what_foretells_the_reviews_weighs_more() -> None:
    read, truth = alike(100)
    wrong = 0.8 - 0.6 * truth
    assert float(read.weighed(wrong).trust.min()) > 0.75
    misled = Reviews(wrong, wrong, read.rows, read.told, read.truth, wrong[read.rows])
    assert float(misled.weighed(0.6 * truth + 0.2).trust.max()) < 0.25
    half = Reviews(wrong, read.near, read.rows, read.told, read.truth, wrong[read.rows])
    assert torch.allclose(half.weighed(wrong).present, read.near, atol=0.15), "near alone was right"


def test_tags_beside_reviews_lose_nothing(planted: Planted) -> None:
    """The mean over seeds: with the tags of 60 further images, against the 60 complete reviews alone."""
    gains = []
    for seed in range(3):
        pool, truth = planted(240, labels=6, tagged=120, seed=seed)
        tagged = np.flatnonzero((pool.observed > 0).any(axis=1))
        mixed, alone = pool.observed.copy(), np.zeros_like(pool.observed)
        mixed[tagged[:60]] = alone[tagged[:60]] = np.where(truth[tagged[:60]] > 0, 1, -1)
        unseen = np.setdiff1d(np.arange(240), tagged)
        scores = [
            mean_average_precision(
                fit(Pool(pool.features, pool.blocks, observed), expected_positives=2.0).probabilities[unseen],
                truth[unseen],
            ).mean
            for observed in (mixed, alone)
        ]
        gains.append(scores[0] - scores[1])
    assert np.mean(gains) > -0.005


def test_labels_asked_by_name_tell_of_all_images_too(points: Tensor) -> None:
    observed = torch.zeros(40, 3, dtype=torch.int8)
    observed[:20, 0] = torch.where(points[:20, 0] > 0, 1, -1).to(torch.int8)
    asked = (observed != 0).numpy()
    graph = neighbour_graph(points, 5)
    assert read_reviews(points, observed, graph, seed=0) is None, "unless they were asked, they may be tags"
    found = read_reviews(points, observed, graph, None, asked, seed=0)
    assert found is not None
    assert found.told.sum(dim=0).tolist() == [20, 0, 0]
    unseen = points[20:, 0] > 0
    assert found.linear[20:][unseen, 0].mean() > found.linear[20:][~unseen, 0].mean() + 0.05
