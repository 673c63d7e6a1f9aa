"""Expected predictive information gain: re-derived label by label, and held against sampled heads."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.acquisition import Candidates, priority
from model_backend.acquisition.information import EDGE, PRIOR, information_gain

MakePool = Callable[..., Candidates]
Floats = NDArray[np.float64]


def points_of(candidates: Candidates) -> Floats:
    """Centred, of a mean squared length of 1, with a constant for the bias."""
    assert candidates.mapped is not None
    points: Floats = candidates.mapped.astype(float) - candidates.mapped.astype(float).mean(axis=0)
    points /= math.sqrt((points**2).sum(axis=1).mean())
    return np.hstack([points, np.ones((len(points), 1))])


def covariance_of(candidates: Candidates, label: int) -> Floats:
    """The inverse of the precision that the answered images and the prior add up to."""
    points, chances = points_of(candidates), candidates.chances[:, label].clip(EDGE, 1 - EDGE)
    precision = np.eye(points.shape[1]) / PRIOR
    for x, p in zip(points[~candidates.free], chances[~candidates.free], strict=True):
        precision += p * (1 - p) * np.outer(x, x)
    return np.asarray(np.linalg.inv(precision), dtype=np.float64)


def naive(candidates: Candidates) -> list[float]:
    """The mean squared correlation with every image of the pool as target, in loops."""
    points, count = points_of(candidates), candidates.chances.shape[1]
    found = []
    for one in range(candidates.images):
        total = 0.0
        for label, other in itertools.product(range(count), range(candidates.images)):
            covariance = covariance_of(candidates, label)
            cross = points[one] @ covariance @ points[other]
            square = cross**2
            for row in (one, other):
                p = float(candidates.chances[row, label].clip(EDGE, 1 - EDGE))
                variance = points[row] @ covariance @ points[row]
                shrunk = 1 / math.sqrt(1 + math.pi * variance / 8)
                mean = 1 / (1 + math.exp(-shrunk * math.log(p / (1 - p))))
                square *= (shrunk * mean * (1 - mean)) ** 2 / (mean * (1 - mean))
            total += square
        found.append(total / count / candidates.images)
    return found


@pytest.mark.parametrize("width", [1, 3])
def test_it_is_the_mean_squared_correlation_with_the_targets(make_pool: MakePool, width: int) -> None:
    candidates = make_pool(images=12, labels=2, width=width)
    assert information_gain(candidates, 0) == pytest.approx(np.array(naive(candidates)), rel=1e-3)


def test_it_is_near_the_information_of_sampled_heads(make_pool: MakePool) -> None:
    """Mutual information of two labels by counting over heads drawn from the posterior, in nats."""
    candidates = make_pool(images=30, labels=1, width=2, seed=4)
    points, random = points_of(candidates), np.random.default_rng(0)
    logits = np.log(candidates.chances[:, 0] / (1 - candidates.chances[:, 0]))
    noise = random.multivariate_normal(np.zeros(3), covariance_of(candidates, 0), size=4000)
    chances = 1 / (1 + np.exp(-(logits[:, None] + points @ noise.T)))  # (images, heads)
    both = chances @ chances.T / chances.shape[1]
    mean = chances.mean(axis=1)
    cells = [
        (both, np.outer(mean, mean)),
        (mean[:, None] - both, np.outer(mean, 1 - mean)),
        (mean[None, :] - both, np.outer(1 - mean, mean)),
        (1 - mean[:, None] - mean[None, :] + both, np.outer(1 - mean, 1 - mean)),
    ]
    sampled = sum(joint * np.log(joint / apart) for joint, apart in cells).mean(axis=1)
    found = information_gain(candidates, 0) / 2
    assert np.corrcoef(found, sampled)[0, 1] > 0.95
    assert found == pytest.approx(sampled, rel=0.4)


def test_what_is_like_many_images_tells_more_than_what_is_like_none(make_pool: MakePool) -> None:
    random = np.random.default_rng(0)
    crowd, loner = random.normal(size=(50, 4)) * [1, 1, 0.1, 0.1], np.array([[0, 0, 0, 1.5]])
    features = np.vstack([crowd, loner]).astype(np.float32)
    scores = information_gain(Candidates(np.full((51, 3), 0.5, np.float32), features), 0)
    assert scores[-1] < np.median(scores)


def test_an_image_tells_less_once_images_like_it_are_answered() -> None:
    features = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0)
    chances, answered = np.full((40, 2), 0.5, np.float32), np.zeros(40, dtype=bool)
    answered[:15] = True  # of the first kind
    scores = information_gain(Candidates(chances, features, answered), 0)
    assert scores[15:20].max() < scores[20:].min()


def test_labels_that_are_sure_tell_nothing() -> None:
    features = np.eye(4, dtype=np.float32)
    chances = np.array([[0, 1], [0, 1], [0.5, 0.5], [0.5, 0.5]], np.float32)
    scores = information_gain(Candidates(chances, features), 0)
    assert scores[:2].max() < scores[2:].min() / 10


@pytest.mark.parametrize(("images", "width"), [(30, 2000), (300, 200), (300, 700)])
def test_wide_features_are_brought_down_to_few_directions(
    make_pool: MakePool, images: int, width: int
) -> None:
    scores = priority("information", make_pool(images=images, width=width))
    assert np.isfinite(scores).all()
    assert scores.max() <= 1
