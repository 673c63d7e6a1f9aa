"""How likely a label is tagged where it is present."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.errors import LearningError
from model_backend.simulation.picks import single_positives
from model_backend.training.propensity import (
    LEAST,
    LEAST_REVIEWS,
    checked_propensity,
    label_propensity,
    propensity_from_reviews,
)

TRUTH = np.tile(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], np.int8), (2000, 1))


def test_it_is_the_share_of_present_labels_that_was_tagged() -> None:
    observed = single_positives(TRUTH, 4000, seed=0)
    tagged = TRUTH[(observed > 0).any(axis=1)]
    expected = [(observed[:, label] > 0).sum() / tagged[:, label].sum() for label in (0, 1)]
    assert label_propensity(observed, tagged.mean(axis=0))[:2] == pytest.approx(expected)


def test_it_is_a_chance_above_zero_whatever_was_tagged() -> None:
    rates = np.array([0.5, 0.1, 0.0])
    nothing = np.zeros((3, 3), np.int8)
    assert label_propensity(nothing, rates).tolist() == [LEAST] * 3
    only_the_rare = np.array([[0, 1, 0], [0, 1, 0]], np.int8)
    assert label_propensity(only_the_rare, rates).tolist() == [LEAST, 1.0, LEAST]


@pytest.mark.parametrize("wrong", [[0.5], [0.5, 0.0], [0.5, 1.1], [0.5, float("nan")]])
def test_numbers_that_are_no_chances_of_the_labels_are_refused(wrong: list[float]) -> None:
    with pytest.raises(LearningError, match="2 chances above 0"):
        checked_propensity(np.array(wrong), 2)


def test_no_propensity_stays_none() -> None:
    assert checked_propensity(None, 2) is None


def test_reviews_tell_what_was_preferred() -> None:
    """Both labels are on every image; annotators tag the first nine times of ten."""
    random = np.random.default_rng(0)
    observed = np.zeros((1000, 2), np.int8)
    observed[np.arange(900), (random.random(900) < 0.1).astype(int)] = 1
    observed[900:] = 1
    assert propensity_from_reviews(observed) == pytest.approx([0.9, 0.1], abs=0.03)


def test_few_reviews_tell_nothing() -> None:
    observed = np.zeros((100, 2), np.int8)
    observed[: LEAST_REVIEWS - 1] = 1
    assert propensity_from_reviews(observed) is None
    observed[LEAST_REVIEWS - 1] = 1
    assert propensity_from_reviews(observed) is not None
