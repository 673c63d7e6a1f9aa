"""Scores measured against a known truth: average precision, precision and recall at thresholds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from model_backend.errors import LearningError

Scores = NDArray[np.floating]
Truth = NDArray[np.integer] | NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MeanAveragePrecision:
    """mean: over the labels that could be scored; each: (L,), NaN where left out; left_out: their columns.

    A label is left out when the truth holds no positive of it: its average precision is not defined.
    """

    mean: float
    each: NDArray[np.float64]
    left_out: tuple[int, ...]


def mean_average_precision(scores: Scores, truth: Truth) -> MeanAveragePrecision:
    """Mean average precision, in 0..1, of scores (N, L) against a truth (N, L) of 1 present, 0 or -1 absent.

    Every image counts, and ties are treated as by scikit-learn. Raises LearningError where shapes differ, a
    score is not finite, or the truth holds no positive.

    >>> scores = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    >>> mean_average_precision(scores, np.array([[1, 0], [0, 1], [1, 0]])).each.round(2).tolist()
    [0.83, 0.5]
    """
    scores, present = _checked(scores, truth)
    each = np.full(present.shape[1], np.nan)
    for label in np.flatnonzero(present.any(axis=0)):
        each[label] = average_precision_score(present[:, label], scores[:, label])
    left_out = tuple(int(label) for label in np.flatnonzero(np.isnan(each)))
    if len(left_out) == len(each):
        raise LearningError("The truth holds no positive.", "Measure on images that show some of the labels.")
    return MeanAveragePrecision(float(np.nanmean(each)), each, left_out)


@dataclass(frozen=True)
class Retrieval:
    """Suggestions at the thresholds: how many, the share that is right, and the share of the truth found.

    precision is NaN when nothing was suggested, recall when nothing was there.
    """

    suggested: int
    precision: float
    recall: float


def retrieval_at(scores: Scores, truth: Truth, thresholds: Scores) -> Retrieval:
    """Precision and recall, over all cells, of suggesting labels whose score reaches their threshold (L,).

    scores (N, L); truth (N, L) of 1 present, 0 or -1 absent. Raises LearningError where shapes differ, or a
    score is not finite.

    >>> retrieval_at(np.array([[0.9, 0.2], [0.6, 0.7]]), np.ones((2, 2)), np.array([0.7, 0.5]))
    Retrieval(suggested=2, precision=1.0, recall=0.5)
    """
    scores, present = _checked(scores, truth)
    suggested = scores >= thresholds
    right = int((suggested & present).sum())
    return Retrieval(int(suggested.sum()), _ratio(right, suggested.sum()), _ratio(right, present.sum()))


def _ratio(part: int, whole: int) -> float:
    return part / int(whole) if whole else float("nan")


def _checked(scores: Scores, truth: Truth) -> tuple[Scores, NDArray[np.bool_]]:
    scores, present = np.asarray(scores), np.greater(truth, 0)
    if scores.ndim != 2 or scores.shape != present.shape:
        raise LearningError(
            f"Scores {scores.shape} and truth {present.shape} must be of one shape (images, labels)."
        )
    if not np.isfinite(scores).all():
        raise LearningError(
            "The scores hold NaN or infinity.", "Train again: the model that gave them has failed."
        )
    return scores, present
