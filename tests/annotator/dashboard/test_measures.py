from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import average_precision_score

from annotator.dashboard.measures import (
    average_precision,
    prevalence,
    reliability_points,
    shares_together,
    suggested,
    threshold_steps,
)

NAN = np.nan


def values(*rows: list[int]) -> npt.NDArray[np.int8]:
    return np.array(rows, dtype=np.int8)


def test_people_outweigh_the_estimate_of_the_same_image() -> None:
    found = prevalence(values([1], [-1], [0], [0]), np.array([[0.1], [0.9], [0.5], [0.3]]), 4)[0]
    assert found is not None
    assert found.value == pytest.approx((1 + 0 + 0.5 + 0.3) / 4)
    assert found.low < found.value < found.high


def test_where_people_know_all_images_nothing_is_uncertain() -> None:
    found = prevalence(values([1], [-1]), np.array([[NAN], [NAN]]), 2)[0]
    assert found is not None
    assert (found.value, found.low, found.high) == (0.5, 0.5, 0.5)


def test_tags_without_estimates_tell_no_prevalence() -> None:
    assert prevalence(values([1], [0]), np.array([[NAN], [NAN]]), 2) == [None]
    assert prevalence(np.empty((0, 1), dtype=np.int8), np.empty((0, 1)), 0) == [None]


def test_an_image_that_was_never_estimated_is_left_out_also_where_people_know_it() -> None:
    found = prevalence(values([1], [0], [0]), np.array([[NAN], [0.2], [0.4]]), 3)[0]
    assert found is not None
    assert found.value == pytest.approx(0.3)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        chances = random.beta(0.5, 2, size=2000)
        truth = random.random(2000) < chances
        part = random.permutation(2000)[:400]
        found = prevalence(np.zeros((400, 1), dtype=np.int8), chances[part, None], 2000)[0]
        assert found is not None
        hits += found.low <= truth.mean() <= found.high
    assert hits / 300 > 0.93


def test_suggested_are_those_at_the_threshold_that_nobody_spoke_of() -> None:
    chances = np.array([[0.8], [0.8], [0.5], [NAN]])
    assert suggested(values([0], [-1], [0], [0]), chances, np.array([0.8])).tolist() == [1]
    assert suggested(values([0]), np.array([[0.9]]), np.array([NAN])).tolist() == [0]


def test_what_comes_together_by_people_rests_on_images_where_both_are_known() -> None:
    said = values([1, 1, 0], [1, -1, 0], [1, 0, 0])
    people, _ = shares_together(said, np.full(said.shape, NAN))
    assert people[0, 1] == 0.5
    assert people[1, 0] == 1.0
    assert np.isnan(people[0, 2])  # nobody spoke of both


def test_what_comes_together_as_estimated_is_expected_over_images() -> None:
    chances = np.array([[0.5, 0.5], [1.0, 0.0]])
    _, estimated = shares_together(values([0, 0], [0, 0]), chances)
    assert estimated[0, 1] == pytest.approx(0.25 / 1.5)
    assert estimated[1, 0] == pytest.approx(0.25 / 0.5)
    assert np.diag(estimated).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_scikit_learn_ties_included(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, present = random.integers(0, 6, 40) / 5, random.random(40) < 0.3
    assert average_precision(scores, present) == pytest.approx(average_precision_score(present, scores))


def test_without_an_image_that_shows_it_there_is_no_average_precision() -> None:
    assert average_precision(np.array([0.5]), np.array([False])) is None


def test_reliability_counts_each_answer_once_and_certainty_in_the_last_bin() -> None:
    said = np.array([0.05, 0.95, 1.0, 0.0])
    low, high = reliability_points(said, np.array([False, True, True, False]))
    assert (low.count, low.right, high.count, high.right) == (2, 0.0, 2, 1.0)
    assert high.said == pytest.approx(0.975)
    assert high.low < 1.0 == high.high
    assert reliability_points(np.empty(0), np.empty(0, dtype=np.bool_)) == []


def test_each_threshold_tells_its_images_what_is_expected_and_what_was_answered() -> None:
    unknown = np.array([0.9, 0.5, 0.1], dtype=np.float32)
    said, right = np.array([0.95, 0.6]), np.array([True, False])
    low, high, none = threshold_steps(unknown, said, right, [0.5, 0.9, 1.0])
    assert low.images == 2
    assert low.expected == pytest.approx(0.7)
    assert (low.answered.part, low.answered.whole) == (1, 2)
    assert (high.images, high.answered.whole) == (1, 1)
    assert (none.images, none.expected, none.answered.value) == (0, None, None)
