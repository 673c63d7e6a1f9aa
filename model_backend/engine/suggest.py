"""From label vectors to suggestions: pure functions on arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from annotator.store.vectors import reaches


def suggested_labels(
    probabilities: NDArray[np.float32],
    thresholds: NDArray[np.float32],
    observed: NDArray[np.int8],
    names: Sequence[str],
) -> list[list[str]]:
    """For each image the labels at or over their threshold (L,) that nobody has said anything about yet.

    probabilities (N, L), observed (N, L) in {-1, 0, +1}.
    """
    chosen = reaches(probabilities, thresholds) & (observed == 0)
    suggestions: list[list[str]] = [[] for _ in range(len(chosen))]
    for row, column in np.argwhere(chosen).tolist():
        suggestions[row].append(names[column])
    return suggestions


def queue_scores(priorities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Label Studio asks the lowest score first: the priority (N,) in 0..1 turned round.

    The same priority always gives the same score, so an image that joins later finds its place.
    """
    return 1.0 - np.clip(np.nan_to_num(np.asarray(priorities, dtype=np.float64)), 0.0, 1.0)


def in_turns(scores: Sequence[float], clusters: Sequence[int]) -> list[float]:
    """The same scores dealt out anew, so that the clusters take turns and each asks its lowest first.

    Label Studio orders by score alone (it drops the cluster of a pushed prediction), so the turns must be in
    the scores. They stay the same set of numbers: an image that joins later still finds its place.
    """
    taken: Counter[int] = Counter()
    turns = [0] * len(scores)
    order = sorted(range(len(scores)), key=lambda row: scores[row])
    for row in order:
        turns[row] = taken[clusters[row]]
        taken[clusters[row]] += 1
    queue = sorted(order, key=lambda row: turns[row])
    dealt = [0.0] * len(scores)
    for row, score in zip(queue, sorted(scores), strict=True):
        dealt[row] = score
    return dealt
