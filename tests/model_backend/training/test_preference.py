"""Whether people name common labels first."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.simulation.picks import single_positives
from model_backend.training import Pool, fit
from model_backend.training.preference import preference_of, tag_preference

RATES = np.array([0.7, 0.5, 0.4, 0.06, 0.05, 0.05, 0.04, 0.04])


def pool_of(bias: str, seed: int, reviews: int = 30) -> Pool:
    """300 tagged images, and some drawn by chance that are marked completely."""
    truth = (np.random.default_rng(seed).random((300 + reviews, 8)) < RATES).astype(np.int8)
    truth[~truth.any(axis=1), 0] = 1
    observed = single_positives(truth, len(truth), seed=seed, bias=bias)
    observed[:reviews] = np.where(truth[:reviews] > 0, 1, -1)
    drawn = np.arange(len(truth)) < reviews
    return Pool(np.ones((len(truth), 2), np.float32), (), observed, drawn=drawn)


def weights(pool: Pool) -> NDArray[np.float64]:
    found = tag_preference(pool)
    assert found is not None
    return found


def test_common_labels_are_found_to_be_named_first() -> None:
    found = np.mean([weights(pool_of("frequency", seed)) for seed in range(5)], axis=0)
    assert found[:3].min() > 0.5
    assert found[3:].max() < 0.5


def test_who_prefers_nothing_is_found_to_prefer_little() -> None:
    found = np.mean([np.log(weights(pool_of("uniform", seed))) for seed in range(10)], axis=0)
    assert np.exp(found - found.max()).min() > 0.5


def test_few_reviews_say_little() -> None:
    few, many = (weights(pool_of("frequency", 1, reviews)) for reviews in (2, 60))
    assert few.min() > 2 * many.min()


def test_nothing_is_told_without_reviews_of_drawn_images_or_without_tags() -> None:
    pool = pool_of("frequency", 0)
    assert tag_preference(Pool(pool.features, (), pool.observed)) is None
    nobody = np.zeros(pool.images, dtype=bool)
    assert tag_preference(Pool(pool.features, (), pool.observed, drawn=nobody)) is None
    reviews = np.where(np.arange(pool.images)[:, None] < 30, pool.observed, 0)
    assert tag_preference(Pool(pool.features, (), reviews, drawn=pool.drawn)) is None


def test_labels_answered_by_name_are_no_tags() -> None:
    pool = pool_of("uniform", 3)
    asked = np.zeros(pool.observed.shape, dtype=bool)
    asked[200:] = pool.observed[200:] > 0
    told = Pool(pool.features, (), pool.observed, asked=asked, drawn=pool.drawn)
    fewer = np.where(np.arange(pool.images)[:, None] < 200, pool.observed, 0)
    assert weights(told) == pytest.approx(weights(Pool(pool.features, (), fewer, drawn=pool.drawn)))


def test_the_default_learns_with_the_preference_that_it_finds() -> None:
    pool = pool_of("frequency", 2)
    features = np.random.default_rng(2).normal(size=(pool.images, 6)).astype(np.float32)
    pool = Pool(features, (), pool.observed, drawn=pool.drawn)
    found = fit(pool).probabilities
    assert found.tolist() == fit(pool, propensity=weights(pool)).probabilities.tolist()
    assert found[30:, 3:].mean() > 1.2 * fit(pool, propensity=np.ones(8)).probabilities[30:, 3:].mean()


def test_chance_makes_no_preference() -> None:
    """Two reviews that happen to show rare labels are believed no more than they tell."""
    assert preference_of(np.array([20.0, 5.0, 5.0]), np.array([0.5, 0.75, 0.75])).min() > 0.7
    assert preference_of(np.array([5.0, 5.0]), np.array([20.0, 5.0])).tolist() == [1, 1], (
        "never rare ones first"
    )


def test_the_most_preferred_label_has_one() -> None:
    found = preference_of(np.array([50.0, 1.0, 1.0]), np.array([4.0, 3.0, 3.0]))
    assert found[0] == 1
    assert (found[1:] < 0.5).all()
