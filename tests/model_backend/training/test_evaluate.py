"""Average precision, precision and recall, against their definitions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training import mean_average_precision, retrieval_at


def naive_average_precision(scores: NDArray[Any], present: NDArray[Any]) -> float:
    """Mean, over the positives, of the precision at their rank (no ties)."""
    order = sorted(range(len(scores)), key=lambda row: -scores[row])
    hits, precisions = 0, []
    for rank, row in enumerate(order, start=1):
        if present[row]:
            hits += 1
            precisions.append(hits / rank)
    return sum(precisions) / len(precisions)


def test_the_mean_is_that_of_the_labels_by_definition() -> None:
    random = np.random.default_rng(0)
    scores, truth = random.random((40, 3)), random.integers(2, size=(40, 3))
    result = mean_average_precision(scores, truth)
    each = [naive_average_precision(scores[:, label], truth[:, label]) for label in range(3)]
    assert result.each == pytest.approx(each)
    assert result.mean == pytest.approx(np.mean(each))
    assert result.left_out == ()


def test_a_label_without_positives_is_left_out_and_named() -> None:
    truth = np.array([[1, 0], [0, 0]])
    result = mean_average_precision(np.array([[0.9, 0.1], [0.2, 0.3]]), truth)
    assert (result.mean, result.left_out) == (1.0, (1,))
    assert np.isnan(result.each[1])


def test_minus_one_and_zero_are_both_absent() -> None:
    scores = np.random.default_rng(1).random((9, 2))
    truth = np.random.default_rng(2).integers(2, size=(9, 2))
    assert mean_average_precision(scores, truth).mean == mean_average_precision(scores, 2 * truth - 1).mean


def test_all_cells_count_for_precision_and_recall_at_each_labels_threshold() -> None:
    scores = np.array([[0.9, 0.4], [0.6, 0.6], [0.1, 0.7]])
    truth = np.array([[1, 1], [0, 1], [0, 0]])
    found = retrieval_at(scores, truth, np.array([0.5, 0.5]))
    assert (found.suggested, found.precision, found.recall) == (4, 0.5, 2 / 3)
    nothing = retrieval_at(scores, truth, np.array([1.01, 1.01]))
    assert nothing.suggested == 0
    assert np.isnan(nothing.precision)
    assert nothing.recall == 0


@pytest.mark.parametrize(
    ("scores", "truth", "message"),
    [
        (np.ones((2, 2)), np.ones((2, 3)), "of one shape"),
        (np.full((2, 2), np.nan), np.ones((2, 2)), "NaN"),
        (np.ones((2, 2)), np.zeros((2, 2)), "no positive"),
    ],
)
def test_what_cannot_be_measured_is_refused(scores: NDArray[Any], truth: NDArray[Any], message: str) -> None:
    with pytest.raises(LearningError, match=message):
        mean_average_precision(scores, truth)
