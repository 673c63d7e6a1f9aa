"""How likely a label is tagged where it is present."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulate import single_positives
from model_backend.errors import LearningError
from model_backend.training.propensity import LEAST, checked_propensity, label_propensity

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
