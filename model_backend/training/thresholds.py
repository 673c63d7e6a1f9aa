"""The probabilities from which on a label is worth suggesting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError

Floats = NDArray[np.floating]
NEVER = 1.01  # above every probability
LEAST_FEEDBACK = 10


def prior_thresholds(probabilities: Floats, precision: float) -> NDArray[np.float32]:
    """Per-label thresholds (L,) from the probabilities (N, L) alone, read as calibrated.

    The lowest threshold at which the mean probability of a label's suggestions still reaches the wanted
    precision; NEVER, above 1, for a label that does so nowhere.

    >>> found = prior_thresholds(np.array([[0.9, 0.5], [0.8, 0.4], [0.3, 0.1]]), precision=0.8)
    >>> [f"{each:.2f}" for each in found]
    ['0.80', '1.01']
    """
    _check(precision)
    ordered = -np.sort(-np.asarray(probabilities, dtype=np.float32), axis=0)
    means = ordered.cumsum(axis=0, dtype=np.float64) / np.arange(1, len(ordered) + 1)[:, None]
    counts = (means >= precision).sum(axis=0)
    lowest = np.take_along_axis(ordered, np.maximum(counts - 1, 0)[None], axis=0)[0]
    return np.where(counts > 0, lowest, np.float32(NEVER)).astype(np.float32)


def feedback_thresholds(
    probabilities: Floats, feedback: NDArray[np.integer] | Floats, precision: float, start: Floats
) -> NDArray[np.float32]:
    """Per-label thresholds (L,) that reached the wanted precision on accepted (+1) and rejected (-1) cells.

    probabilities, feedback (N, L), 0 where there is none. For each label with enough feedback, the lowest
    probability from which on the share of accepted cells, with one accepted and one rejected added, reaches
    `precision`; NEVER where there is none. Where all cells of a label together reach it, a lower `start` (L,)
    stays: below, nothing was suggested, so that nothing is known. Labels with less feedback keep `start`: ten
    cells are enough, or as many as would reach the precision if all were accepted.

    >>> probabilities = np.array([[0.9], [0.8], [0.7], [0.6]] * 5)
    >>> feedback = np.where(probabilities > 0.75, 1, -1)
    >>> f"{feedback_thresholds(probabilities, feedback, 0.8, start=np.array([0.5]))[0]:.1f}"
    '0.8'
    """
    _check(precision)
    enough = enough_feedback(precision)
    result = np.asarray(start, dtype=np.float32).copy()
    for label in range(result.size):
        rows = np.flatnonzero(feedback[:, label])
        if len(rows) >= enough:
            scores = probabilities[rows, label]
            found = _lowest(scores, feedback[rows, label] > 0, precision)
            result[label] = min(found, result[label]) if found <= scores.min() else found
    return result


def enough_feedback(precision: float) -> float:
    """The cells of feedback on a label from which on they alone set its threshold."""
    return max(LEAST_FEEDBACK, (2 * precision - 1) / (1 - precision))


def _lowest(scores: Floats, accepted: NDArray[np.bool_], precision: float) -> float:
    """The threshold of one label from its feedback (m,): see `feedback_thresholds`."""
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], accepted[order].cumsum()
    share = (hits + 1) / (np.arange(1, len(order) + 1) + 2)
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    good = np.flatnonzero((share >= precision) & last_of_ties)
    return float(ordered[good[-1]]) if len(good) else NEVER


def _check(precision: float) -> None:
    if not 0 < precision < 1:
        raise LearningError(
            f"The wanted precision must lie between 0 and 1, not {precision}.", "0.8 is usual."
        )
