from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.acquisition import ACQUISITIONS, Candidates, clusters, priority
from model_backend.errors import LearningError


def probabilities(images: int, labels: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(images).random((images, labels)).astype(np.float32)


def test_entropy_is_the_mean_over_labels_in_bits() -> None:
    given = probabilities(20)
    expected = [
        sum(-p * math.log2(p) - (1 - p) * math.log2(1 - p) for p in row.tolist()) / len(row) for row in given
    ]
    assert priority("entropy", Candidates(given)) == pytest.approx(np.array(expected), abs=1e-6)


def test_entropy_is_greatest_at_one_half_and_nothing_when_all_is_sure() -> None:
    given = np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 1.0]], np.float32)
    assert priority("entropy", Candidates(given)).tolist() == [1.0, 0.0, 0.5]


def test_labels_do_not_compete() -> None:
    both, neither = np.array([[0.99, 0.99, 0.01]], np.float32), np.array([[0.5, 0.5, 0.01]], np.float32)
    assert priority("entropy", Candidates(neither)) > 5 * priority("entropy", Candidates(both))


def test_random_is_the_same_for_a_seed_and_another_for_another() -> None:
    given = Candidates(probabilities(50))
    assert np.array_equal(priority("random", given, seed=1), priority("random", given, seed=1))
    assert not np.array_equal(priority("random", given, seed=1), priority("random", given, seed=2))


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_scores_are_finite_shares_for_any_probabilities(name: str) -> None:
    strange = np.array([[0, 1], [np.nan, 0.5], [-1, 2], [np.inf, -np.inf], [1e-30, 1]], np.float32)
    for given in (strange, probabilities(9), strange[::-1]):
        scores = priority(name, Candidates(given))
        assert scores.shape == (len(given),)
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", ACQUISITIONS)
@pytest.mark.parametrize("shape", [(0, 4), (0, 0), (3, 0)])
def test_no_images_or_no_labels_are_fine(name: str, shape: tuple[int, int]) -> None:
    assert priority(name, Candidates(np.zeros(shape, np.float32))).tolist() == [0.0] * shape[0]


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(LearningError, match="gradients, entropy"):
        priority("oracle", Candidates(probabilities(3)))


def test_every_acquisition_says_what_it_is() -> None:
    assert {"entropy", "random"} <= set(ACQUISITIONS)
    for name, entry in ACQUISITIONS.items():
        assert entry.name == name
        assert entry.description
        assert entry.source


@pytest.mark.parametrize("width", [8, 700])
def test_clusters_find_groups_that_are_there(width: int) -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 600)
    centres = 5 * random.normal(size=(4, width)) / width**0.5
    features = (centres[truth] + random.normal(size=(600, width)) / width**0.5).astype(np.float32)
    found = clusters(features, 4, seed=0)
    assert found.dtype == np.int64
    agree = sum(np.bincount(found[truth == group], minlength=4).max() for group in range(4))
    assert agree > 0.95 * len(truth)
    assert set(found.tolist()) == {0, 1, 2, 3}


def test_clusters_are_the_same_for_the_same_seed() -> None:
    features = np.random.default_rng(0).normal(size=(300, 20)).astype(np.float32)
    assert np.array_equal(clusters(features, 8, seed=5), clusters(features, 8, seed=5))


@pytest.mark.parametrize("images", [0, 1, 3, 8])
def test_fewer_images_than_clusters_are_fine(images: int) -> None:
    found = clusters(np.random.default_rng(0).normal(size=(images, 6)).astype(np.float32), 8, seed=0)
    assert len(found) == images
    assert ((found >= 0) & (found < 8)).all()


def test_images_that_are_all_alike_are_fine() -> None:
    assert set(clusters(np.ones((40, 5), np.float32), 4, seed=0).tolist()) <= {0, 1, 2, 3}


def test_one_cluster_holds_all() -> None:
    assert clusters(np.ones((5, 2), np.float32), 1, seed=0).tolist() == [0] * 5
