"""From which probability a label is worth suggesting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError

Floats = NDArray[np.floating]
NEVER = 1.01  # above every probability
LEAST_ANSWERS = 10


def prior_thresholds(probabilities: Floats, precision: float) -> NDArray[np.float32]:
    """Per-label thresholds (L,) from the probabilities (N, L) alone, read as calibrated.

    The lowest threshold at which the mean probability of what a label suggests still reaches the wanted
    precision; above 1 for a label that never does, so that it is never suggested.
    """
    _check(precision)
    ordered = -np.sort(-np.asarray(probabilities, dtype=np.float32), axis=0)
    means = ordered.cumsum(axis=0, dtype=np.float64) / np.arange(1, len(ordered) + 1)[:, None]
    counts = (means >= precision).sum(axis=0)
    lowest = np.take_along_axis(ordered, np.maximum(counts - 1, 0)[None], axis=0)[0]
    return np.where(counts > 0, lowest, np.float32(NEVER)).astype(np.float32)


def answered_thresholds(
    probabilities: Floats, answers: NDArray[np.integer] | Floats, precision: float, start: Floats
) -> NDArray[np.float32]:
    """Per-label thresholds (L,) that reached the wanted precision on accepted (+1) and rejected (-1) answers.

    For each label with enough answers, the lowest answered probability from which on the share of accepted
    ones, with one accepted and one rejected added, reaches `precision`; NEVER where there is none. Where all
    answers together reach it, nothing speaks against a lower `start` (L,): nobody was asked below. Labels
    with fewer answers keep `start`: ten are enough, or as many as would reach the precision if all were
    accepted. probabilities, answers (N, L), 0 where there is no answer.
    """
    _check(precision)
    enough = max(LEAST_ANSWERS, (2 * precision - 1) / (1 - precision))
    result = np.asarray(start, dtype=np.float32).copy()
    for label in range(result.size):
        rows = np.flatnonzero(answers[:, label])
        if len(rows) >= enough:
            scores = probabilities[rows, label]
            found = _lowest(scores, answers[rows, label] > 0, precision)
            result[label] = min(found, result[label]) if found <= scores.min() else found
    return result


def _lowest(scores: Floats, right: NDArray[np.bool_], precision: float) -> float:
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], right[order].cumsum()
    share = (hits + 1) / (np.arange(1, len(order) + 1) + 2)
    last_of_ties = np.append(ordered[1:] != ordered[:-1], True)
    good = np.flatnonzero((share >= precision) & last_of_ties)
    return float(ordered[good[-1]]) if len(good) else NEVER


def _check(precision: float) -> None:
    if not 0 < precision < 1:
        raise LearningError(f"The wanted precision must lie between 0 and 1, as 0.8 does, not {precision}.")
