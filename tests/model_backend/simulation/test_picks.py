"""Simulated annotators tag one thing that is there."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.errors import LearningError
from model_backend.simulation.picks import BIASES, full_labels, single_positives

TRUTH = np.tile(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], np.int8), (2000, 1))


@pytest.mark.parametrize("bias", BIASES)
def test_one_present_label_is_tagged_on_as_many_images_as_asked(bias: str) -> None:
    observed = single_positives(TRUTH, 1000, seed=0, bias=bias, areas=np.ones(TRUTH.shape))
    assert (observed.sum(axis=1) == 1).sum() == 1000
    assert set(np.unique(observed)) == {0, 1}
    assert (TRUTH[observed > 0] == 1).all()


def test_fewer_tags_are_the_beginning_of_more() -> None:
    few, many = (single_positives(TRUTH, count, seed=3) for count in (50, 500))
    assert (many[few > 0] == 1).all()


def test_uniform_is_even_and_frequency_follows_how_often_a_label_is_there() -> None:
    both = TRUTH[:, :2].all(axis=1)
    uniform = single_positives(TRUTH, 4000, seed=0)[both]
    assert uniform[:, 0].mean() == pytest.approx(0.5, abs=0.04)
    frequency = single_positives(TRUTH, 4000, seed=0, bias="frequency")[both]
    assert frequency[:, 0].mean() == pytest.approx(2 / 3, abs=0.04)  # present in 2/3 and in 1/3 of the images


def test_size_follows_the_areas() -> None:
    areas = np.tile(np.array([[9.0, 1.0, 5.0]]), (len(TRUTH), 1))
    observed = single_positives(TRUTH, 4000, seed=0, bias="size", areas=areas)
    assert observed[TRUTH[:, :2].all(axis=1), 0].mean() == pytest.approx(0.9, abs=0.03)
    with pytest.raises(LearningError, match="areas"):
        single_positives(TRUTH, 10, seed=0, bias="size")


def test_what_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(LearningError, match="not 4000"):
        single_positives(TRUTH, 4001, seed=0)
    with pytest.raises(LearningError, match="uniform, frequency"):
        single_positives(TRUTH, 1, seed=0, bias="mood")


def test_full_labels_are_known_where_something_was_observed() -> None:
    observed = np.array([[0, 1, 0], [0, 0, 0]], np.int8)
    assert full_labels(np.array([[1, 1, 0], [1, 0, 0]]), observed).tolist() == [[1, 1, -1], [0, 0, 0]]


def test_mistakes_tag_what_is_absent_at_their_rate_and_leave_the_other_tags_as_they_were() -> None:
    truth = np.random.default_rng(0).integers(0, 2, (2_000, 6))
    truth[:, 0] = 1
    right = single_positives(truth, 1_500, seed=0)
    some = single_positives(truth, 1_500, seed=0, mistakes=0.1)
    assert np.array_equal(right.any(axis=1), some.any(axis=1))
    wrong = (some > 0) & (truth == 0)
    assert 0.07 < wrong.sum() / 1_500 < 0.13
    every = single_positives(truth, 2_000, seed=0, mistakes=0.1)
    able = 2_000 - (truth > 0).all(axis=1).sum()
    assert ((every > 0) & (truth == 0)).sum() == round(0.1 * able), "exactly, over all images"
    kept = ~wrong.any(axis=1)
    assert np.array_equal(right[kept], some[kept])


def test_an_image_that_shows_everything_cannot_be_mistaken() -> None:
    everything = np.ones((20, 3), dtype=np.int8)
    assert np.array_equal(
        single_positives(everything, 20, seed=0), single_positives(everything, 20, seed=0, mistakes=1.0)
    )
