"""TypiClust: one typical image of each kind, before there is a model."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.acquisition import Candidates, priority
from model_backend.acquisition.typical import NEAREST, ROUND, cold_start

Floats = NDArray[np.float32]
RANDOM = np.random.default_rng(0)


def kinds_of_images(sizes: list[int], spread: float = 0.3) -> tuple[Floats, NDArray[np.int64]]:
    """So many images of each kind, around places far from one another, and the kind of each."""
    kinds = np.repeat(np.arange(len(sizes)), sizes)
    features = 8 * np.eye(len(sizes))[kinds] + spread * RANDOM.normal(size=(len(kinds), len(sizes)))
    return features.astype(np.float32), kinds


def order(scores: NDArray[np.float64]) -> list[int]:
    return [int(row) for row in np.argsort(-scores, kind="stable")]


def test_the_first_round_asks_one_image_of_each_kind_the_largest_first() -> None:
    features, kinds = kinds_of_images([90, 20, 80, 30, 70, 40, 60, 50])
    asked = order(cold_start(features, seed=0))[:ROUND]
    assert kinds[asked].tolist() == [0, 2, 4, 6, 7, 5, 3, 1]


def test_it_is_the_image_with_the_least_mean_distance_to_its_nearest_of_the_kind() -> None:
    features, kinds = kinds_of_images([40, 30, 35, 25, 45, 50, 55, 60])
    asked = order(cold_start(features, seed=0))[:ROUND]
    for row in asked:
        members = np.flatnonzero(kinds == kinds[row])
        means = []
        for one in members:
            apart = sorted(float(np.linalg.norm(features[one] - features[other])) for other in members)
            means.append(sum(apart[1 : NEAREST + 1]) / NEAREST)
        assert row == members[int(np.argmin(means))]


def test_kinds_that_hold_answers_come_after_those_that_hold_none() -> None:
    features, kinds = kinds_of_images([60] * 16)
    answered = np.isin(kinds, range(8)) & (np.arange(len(kinds)) % 60 == 0)  # one image of eight kinds
    asked = order(cold_start(features, answered, seed=0))[:ROUND]
    assert set(kinds[asked].tolist()) == set(range(8, 16))


def test_no_image_is_asked_twice_and_whoever_is_answered_is_last() -> None:
    features, _ = kinds_of_images([30, 20, 10])
    answered = RANDOM.random(60) < 0.5
    scores = cold_start(features, answered, seed=0)
    free = np.flatnonzero(~answered)
    assert len(set(scores[free].tolist())) == len(free), "each has a place of its own"
    assert scores[answered].max() == 0 < scores[free].min()


def test_it_covers_the_features_better_than_chance_does() -> None:
    features, _ = kinds_of_images([400, 200, 100, 50, 25, 12], spread=1.0)
    asked = order(cold_start(features, seed=0))[:40]

    def farthest(rows: list[int]) -> float:
        apart = np.linalg.norm(features[:, None] - features[None, rows], axis=2)
        return float(apart.min(axis=1).mean())

    by_chance = [farthest(RANDOM.permutation(len(features))[:40].tolist()) for _ in range(20)]
    assert farthest(asked) < min(by_chance)


def test_features_of_a_part_of_the_images_are_enough() -> None:
    features, kinds = kinds_of_images([50] * ROUND)
    part = RANDOM.permutation(len(features))[:100]
    asked = order(cold_start(features[part], seed=0))[:ROUND]
    assert len(set(kinds[part[asked]].tolist())) == ROUND


@pytest.mark.parametrize(
    "features",
    [
        np.ones((5, 3), np.float32),
        np.zeros((1, 2), np.float32),
        np.zeros((0, 2), np.float32),
        np.full((9, 2), np.nan, np.float32),
        RANDOM.normal(size=(12_000, 3)).astype(np.float32),
    ],
    ids=["all alike", "one", "none", "no numbers", "more than are grouped"],
)
def test_scores_are_finite_shares(features: Floats) -> None:
    scores = cold_start(features, seed=0)
    assert scores.shape == (len(features),)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_it_needs_no_model() -> None:
    features, _ = kinds_of_images([20, 20])
    chances = RANDOM.random((2, 40, 3)).astype(np.float32)
    one, other = (priority("typical", Candidates(each, features)) for each in chances)
    assert np.array_equal(one, other)
