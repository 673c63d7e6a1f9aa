"""What a pool accepts, and what it says of what it does not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training import Pool


def test_without_blocks_there_is_one() -> None:
    pool = Pool(np.ones((2, 3), np.float32), (), np.zeros((2, 4), np.int8))
    assert (tuple(pool.blocks), pool.images, pool.labels) == ((3,), 2, 4)


def test_an_image_is_tagged_when_something_is_present_not_when_something_is_absent() -> None:
    observed = np.array([[0, 0], [1, 0], [-1, 0], [-1, 1]], np.int8)
    assert Pool(np.ones((4, 1), np.float32), (), observed).tagged.tolist() == [1, 3]


def test_equal_features_have_equal_digests_and_others_do_not() -> None:
    features = np.array([[1, 2], [3, 4], [1, 2]], np.float32)
    first, second, third = Pool(features, (), np.zeros((3, 1), np.int8)).digests()
    assert first == third != second


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused_by_the_image_that_has_it(wrong: float) -> None:
    features = np.ones((5, 3), np.float32)
    features[3, 1] = wrong
    with pytest.raises(LearningError, match="image 3"):
        Pool(features, (), np.zeros((5, 2), np.int8))


@pytest.mark.parametrize(
    ("features", "blocks", "observed", "message"),
    [
        ((2, 3), (2, 2), np.zeros((2, 1)), "blocks"),
        ((2, 3), (3, 0), np.zeros((2, 1)), "blocks"),
        ((2,), (), np.zeros((2, 1)), "matrix"),
        ((0, 3), (), np.zeros((0, 1)), "matrix"),
        ((2, 3), (), np.zeros((3, 1)), "observed matrix"),
        ((2, 3), (), np.zeros((2, 0)), "observed matrix"),
        ((2, 3), (), np.full((2, 1), 2), r"\+1 \(present\)"),
        ((2, 3), (), np.full((2, 1), 0.5), r"\+1 \(present\)"),
    ],
)
def test_shapes_and_values_that_do_not_fit_are_refused(
    features: tuple[int, ...], blocks: tuple[int, ...], observed: NDArray[np.int8], message: str
) -> None:
    with pytest.raises(LearningError, match=message):
        Pool(np.ones(features, np.float32), blocks, observed)


def test_what_is_expected_is_told_of_a_label_for_all_images_or_not_at_all() -> None:
    told = np.array([[0.5, np.nan], [0.0, np.nan]])
    pool = Pool(np.ones((2, 3), np.float32), (), np.zeros((2, 2), np.int8), told)
    assert pool.expected is not None
    assert pool.expected.dtype == np.float32
    assert np.array_equal(pool.expected, told, equal_nan=True)


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        (np.ones((2, 3)), "shape"),
        (np.array([[0.5, np.nan], [0.5, 0.1]]), "NaN for all images"),
        (np.array([[0.5, -0.1], [0.5, 0.1]]), "from 0 on"),
        (np.array([[0.5, np.inf], [0.5, np.inf]]), "from 0 on"),
    ],
)
def test_anything_else_that_is_expected_is_refused(expected: NDArray[np.float64], message: str) -> None:
    with pytest.raises(LearningError, match=message):
        Pool(np.ones((2, 3), np.float32), (), np.zeros((2, 2), np.int8), expected.astype(np.float32))
