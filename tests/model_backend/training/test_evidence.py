"""Suggest only what is earned: nothing from one class of tags, nothing that is only frequent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom, chi2

from model_backend.training import Pool, Recipe, fit
from model_backend.training.evidence import earned_thresholds
from model_backend.training.thresholds import NEVER


def told_apart(
    images: int = 200, labels: int = 4, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """(features, truth) of images whose labels can be seen."""
    random = np.random.default_rng(seed)
    truth = (random.random((images, labels)) < 0.4).astype(np.int8)
    truth[truth.sum(axis=1) == 0, 0] = 1
    return (truth + 0.2 * random.normal(size=truth.shape)).astype(np.float32), truth


def tagged(truth: NDArray[np.int8], rows: NDArray[np.int64], seed: int = 0) -> NDArray[np.int8]:
    random = np.random.default_rng(seed)
    observed = np.zeros_like(truth)
    for row in rows:
        observed[row, random.choice(np.flatnonzero(truth[row]))] = 1
    return observed


def suggested(features: NDArray[np.float32], observed: NDArray[np.int8]) -> NDArray[np.bool_]:
    fitted = fit(Pool(features, (), observed), Recipe(), expected_positives=1.7)
    return np.asarray(fitted.probabilities >= fitted.model.thresholds)


def test_one_tag_suggests_nothing() -> None:
    features, truth = told_apart()
    observed = np.zeros_like(truth)
    observed[0, 0] = 1
    assert not suggested(features, observed).any()


@pytest.mark.parametrize("count", [2, 10, 40])
def test_tags_of_a_single_label_suggest_nothing(count: int) -> None:
    features, truth = told_apart()
    observed = np.zeros_like(truth)
    observed[np.flatnonzero(truth[:, 1])[:count], 1] = 1
    assert not suggested(features, observed).any()


def test_what_can_be_seen_is_suggested_once_there_is_evidence() -> None:
    features, truth = told_apart()
    shown = suggested(features, tagged(truth, np.arange(60)))
    assert shown[60:].any(axis=0).all(), "every label has earned it"
    assert truth[60:][shown[60:]].mean() > 0.8


def test_a_label_that_is_only_frequent_is_never_suggested() -> None:
    random = np.random.default_rng(0)
    truth = np.zeros((300, 3), dtype=np.int8)
    truth[:, 0] = random.random(300) < 0.95  # everywhere, and features say nothing of it
    truth[:, 1] = random.random(300) < 0.3
    truth[:, 2] = random.random(300) < 0.3
    truth[truth.sum(axis=1) == 0, 1] = 1
    features = (truth[:, 1:] + 0.2 * random.normal(size=(300, 2))).astype(np.float32)
    observed = tagged(truth, np.arange(80))
    fitted = fit(Pool(features, (), observed), Recipe(), expected_positives=2.0)
    assert fitted.probabilities[:, 0].mean() > 0.8, "it is expected nearly everywhere"
    assert fitted.model.thresholds[0] == np.float32(NEVER)


def posterior_median(hits: int, tags: int) -> float:
    """By definition: where the likelihood of `hits` of `tags`, under a prior 1 / p, has half its mass."""
    points = np.linspace(0, 1, 20_001)[1:]
    mass = binom.pmf(hits, tags, points) / points
    below = np.cumsum(mass) / mass.sum()
    return float(points[np.searchsorted(below, 0.5)])


@pytest.mark.parametrize("hits", [1, 2, 5])
@pytest.mark.parametrize("reach", [1, 4, 8, 15, 19])
def test_the_bar_is_the_median_of_what_was_foretold(hits: int, reach: int) -> None:
    shares = np.zeros((20, 2))
    shares[:, 0] = np.linspace(1.0, 0.05, 20)
    tags = np.zeros((20, 2))
    first = list(range(min(hits, reach)))
    later = list(range(reach, min(reach + 5 - len(first), 20)))
    tags[first + later, 0] = 1
    tags[-1, 1] = 1
    tags[-2, 1] = 1
    probabilities = np.zeros((20, 2))
    probabilities[:reach, 0] = 0.9
    found = earned_thresholds(np.array([0.5, 0.5]), probabilities, shares, tags)
    earned = posterior_median(len(first), len(first + later)) > reach / 20
    assert (found[0] == np.float32(0.5)) == earned


def test_one_tag_suffices_where_the_name_tells_what_to_expect() -> None:
    shares = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]])
    tags = np.array([[1, 0], [0, 1], [0, 0], [0, 0]])
    found = earned_thresholds(np.array([0.5, 0.5]), shares, shares, tags, np.array([True, False]))
    assert found.tolist() == [0.5, np.float32(NEVER)]
    assert earned_thresholds(np.array([0.5, 0.5]), shares, shares, tags).tolist() == [np.float32(NEVER)] * 2
    missed = tags[[1, 0, 2, 3]]  # foretold among the first one, it is on the second
    found = earned_thresholds(np.array([0.5, 0.5]), shares, shares, missed, np.array([True, False]))
    assert found.tolist() == [np.float32(NEVER)] * 2


def test_a_label_that_nothing_suggests_stays_as_it_is() -> None:
    shares, tags = np.full((4, 2), 0.5), np.eye(4, 2)
    tags[2:, :] = np.eye(2)
    assert earned_thresholds(np.array([0.9, NEVER]), np.full((4, 2), 0.1), shares, tags).tolist() == [
        np.float32(0.9),
        np.float32(NEVER),
    ]


@pytest.mark.parametrize(
    ("ranks", "earned"),
    [
        ([3], True),  # 4 of 100 images stand as far ahead by chance: p = 0.04
        ([5], False),  # p = 0.06, and not among the two that would be suggested
        ([10, 20], False),  # -2 ln(0.11 x 0.21): p = 0.11 by chi-squared with 4 degrees of freedom
        ([5, 8], True),  # p = 0.034
        ([50, 60, 70], False),
    ],
)
def test_a_name_earns_its_label_when_tags_stand_ahead_of_images_at_large(
    ranks: list[int], earned: bool
) -> None:
    images = 100
    score = np.linspace(0.9, 0.01, images)
    shares = np.column_stack([score, np.full(images, 0.5)])
    tags = np.zeros((images, 2))
    tags[ranks, 0] = 1
    tags[99, 1] = 1
    threshold = np.array([score[1], 2.0])  # two images would be suggested
    named = np.array([True, True])
    found = earned_thresholds(threshold, shares, shares, tags, named)
    assert (found[0] == np.float32(threshold[0])) == earned
    combined = -2 * sum(math.log((rank + 1) / images) for rank in ranks)
    assert (combined > float(chi2.ppf(0.95, 2 * len(ranks)))) == earned
    assert earned_thresholds(threshold, shares, shares, tags, ~named)[0] == np.float32(NEVER)
