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
from model_backend.training.reviews import estimate_from_reviews

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


@pytest.fixture
def points() -> Tensor:
    return torch.randn(40, 4, generator=torch.Generator().manual_seed(0))


def test_reviews_tell_the_chance_of_every_label_on_every_image(points: Tensor) -> None:
    observed = torch.zeros(40, 2, dtype=torch.int8)
    observed[:20, 0] = torch.where(points[:20, 0] > 0, 1, -1).to(torch.int8)
    observed[:20, 1] = -1
    found = estimate_from_reviews(points, observed, neighbour_graph(points, 5))
    assert found is not None
    assert found.trust == pytest.approx(20 / 120)
    assert found.present.shape == (40, 2)
    unseen = points[20:, 0] > 0
    assert found.present[20:][unseen, 0].mean() > found.present[20:][~unseen, 0].mean() + 0.2
    assert found.present[:, 1].max() < 0.1, "absent on every reviewed image"


def test_tags_are_no_reviews_nor_is_the_tag_of_an_only_label(points: Tensor) -> None:
    observed = torch.zeros(40, 3, dtype=torch.int8)
    observed[torch.arange(30), torch.arange(30) % 3] = 1
    graph = neighbour_graph(points, 5)
    assert estimate_from_reviews(points, observed, graph) is None
    assert estimate_from_reviews(points, observed[:, :1].abs() + 1, graph) is None


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
