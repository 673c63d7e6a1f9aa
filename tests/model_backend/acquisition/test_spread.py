"""Acquisitions that spread their order over unlike images: re-derived one image at a time."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.acquisition import ACQUISITIONS, Candidates, find_acquisition, priority
from model_backend.acquisition.core_set import core_set
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.gradients import expected_gradients

SPREAD = [name for name, entry in ACQUISITIONS.items() if entry.spread and name != "random"]
Floats = NDArray[np.float64]


def pool(images: int = 40, labels: int = 4, width: int = 6, seed: int = 0) -> Candidates:
    random = np.random.default_rng(seed)
    features = random.normal(size=(images, width)).astype(np.float32)
    head = random.normal(size=(width, labels)).astype(np.float32)
    return Candidates(
        random.random((images, labels)).astype(np.float32),
        features,
        answered=random.random(images) < 0.3,
        mapped=features,
        predict=lambda mapped: 1 / (1 + np.exp(-(mapped @ head))),
    )


def embeddings(candidates: Candidates) -> Floats:
    """sqrt(p (1 - p)) x^T of every image, written out: (N, L x D)."""
    assert candidates.features is not None
    points = candidates.features.astype(float) - candidates.features.mean(axis=0)
    rows = [
        np.outer(np.sqrt(p * (1 - p)), x).ravel() for p, x in zip(candidates.chances, points, strict=True)
    ]
    return np.array(rows)


def test_gradients_choose_by_k_means_plus_plus_over_the_written_out_embeddings() -> None:
    candidates, seed = pool(), 3
    written = embeddings(candidates)
    random, left = np.random.default_rng(seed), candidates.free.copy()
    order: list[int] = []
    while left.any():
        nearest = [
            min((np.sum((one - written[other]) ** 2) for other in order), default=np.sum(one**2))
            for one in written
        ]
        chances = np.where(left, nearest, 0.0)
        order.append(int(random.choice(len(chances), p=chances / chances.sum())))
        left[order[-1]] = False
    scores = expected_gradients(candidates, seed)
    assert np.argsort(-scores)[: len(order)].tolist() == order
    assert scores[order].min() > 0.5 >= scores[~candidates.free].max()


def test_the_core_set_takes_what_is_farthest_from_all_before_it() -> None:
    candidates = pool()
    assert candidates.features is not None
    points = candidates.features.astype(float)
    taken = np.flatnonzero(~candidates.free).tolist()
    order: list[int] = []
    while len(taken) < len(points):
        apart = [min(np.sum((one - points[other]) ** 2) for other in taken) for one in points]
        order.append(int(np.argmax(apart)))
        taken.append(order[-1])
    assert np.argsort(-core_set(candidates, 0))[: len(order)].tolist() == order


@pytest.mark.parametrize("name", SPREAD)
def test_whoever_has_an_answer_comes_last(name: str) -> None:
    candidates = pool(images=300)
    scores = priority(name, candidates)
    assert scores[candidates.free].min() > scores[~candidates.free].max() or name == "gradients"
    first = np.argsort(-scores)[:50]
    assert candidates.free[first].all()


@pytest.mark.parametrize("name", SPREAD)
def test_of_images_that_are_alike_one_is_asked_early(name: str) -> None:
    """Ten kinds of images, thirty of each: the first ten asked show nearly all kinds."""
    random = np.random.default_rng(1)
    kinds = np.repeat(np.arange(10), 30)
    features = (8 * np.eye(10)[kinds] + 0.1 * random.normal(size=(300, 10))).astype(np.float32)
    head = random.normal(size=(10, 5)).astype(np.float32)
    candidates = Candidates(
        np.full((300, 5), 0.4, np.float32),
        features,
        mapped=features,
        predict=lambda mapped: (mapped @ head > 0).astype(np.float32),
    )
    asked = np.argsort(-priority(name, candidates))[:10]
    assert len(set(kinds[asked])) >= 8
    by_entropy = np.argsort(-priority("entropy", candidates), kind="stable")[:10]
    assert len(set(kinds[by_entropy])) == 1, "which entropy alone does not see to"


def test_of_the_images_that_are_sure_gradients_ask_one_at_most() -> None:
    """They all stand at the same place, since no answer would change the model."""
    candidates = pool(images=200)
    probabilities = candidates.probabilities.copy()
    probabilities[100:] = probabilities[100:].round()
    scores = priority("gradients", Candidates(probabilities, candidates.features))
    assert len(set(np.argsort(-scores)[:50]) - set(range(100))) <= 1


@pytest.mark.parametrize("name", SPREAD)
@pytest.mark.parametrize(
    "candidates",
    [
        Candidates(np.full((5, 3), 0.5, np.float32), np.zeros((5, 4), np.float32)),
        Candidates(np.full((5, 3), 0.5, np.float32), np.full((5, 4), np.nan, np.float32)),
        Candidates(np.ones((5, 3), np.float32), np.eye(5, 4, dtype=np.float32)),
        Candidates(np.full((1, 3), 0.5, np.float32), np.ones((1, 4), np.float32)),
        Candidates(np.full((3, 2), 0.5, np.float32), np.eye(3, dtype=np.float32), np.ones(3, dtype=bool)),
    ],
    ids=["all alike", "no numbers", "all sure", "one image", "all answered"],
)
def test_scores_are_finite_shares_of_strange_pools(name: str, candidates: Candidates) -> None:
    scores = priority(name, candidates)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


def test_lone_images_find_their_place_below_those_chosen_from_the_pool() -> None:
    """An image that joins later is scored alone, without features, and comes after what was chosen."""
    lone = priority("gradients", Candidates(np.array([[0.5, 0.5], [0.1, 0.9], [0.0, 1.0]], np.float32)))
    assert lone.tolist() == pytest.approx([0.5, 0.18, 0.0])


@pytest.mark.parametrize("name", SPREAD)
def test_the_same_seed_gives_the_same_order(name: str) -> None:
    score = partial(find_acquisition(name).score, pool())
    assert np.array_equal(score(5), score(5))


def test_leading_directions_keep_what_tells_images_apart() -> None:
    random = np.random.default_rng(0)
    inner = random.normal(size=(400, 5))
    wide = (inner @ random.normal(size=(5, 700)) + 0.01 * random.normal(size=(400, 700))).astype(np.float32)
    narrow = leading_directions(wide, seed=0)
    assert narrow.shape == (400, 64)
    apart, kept = (np.linalg.norm(each[:200] - each[200:], axis=1) for each in (wide, narrow))
    assert kept == pytest.approx(apart, rel=0.01)


def test_what_is_not_a_number_counts_as_zero_and_the_features_stay_as_they_are() -> None:
    features = np.random.default_rng(1).normal(size=(300, 300)).astype(np.float32)
    features[7, :3] = np.nan
    given = features.copy()
    filled = np.where(np.isnan(features), np.float32(0), features)
    assert leading_directions(features, seed=0).tolist() == leading_directions(filled, seed=0).tolist()
    assert np.array_equal(features, given, equal_nan=True)
