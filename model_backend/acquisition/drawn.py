"""A share of the images, drawn by chance, is asked for all labels: what these tell holds for all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.questions import Questions


def with_drawn(
    questions: Questions, free: NDArray[np.bool_], chance: NDArray[np.float64], share: float, *, seed: int
) -> Questions:
    """The same with a share of the images asked to be marked completely, spread evenly over the order.

    free (N,): those that may be asked. chance (N,): a number in 0..1 of each; below the share, it is drawn.
    Where the first of them stands is by chance each time, so that the share holds however soon the order
    changes again.
    """
    rows = np.flatnonzero(free & (chance < share))
    if not len(rows):
        return questions
    kinds, labels = list(questions.kinds), list(questions.labels)
    for row in rows:
        kinds[row], labels[row] = "complete", ()
    order = np.argsort(-questions.scores, kind="stable")
    order = order[free[order]]
    others = order[~np.isin(order, rows)]
    random = np.random.default_rng([seed, int((~free).sum())])
    between = ((np.arange(len(rows)) + random.random()) * len(others) / len(rows)).astype(int)
    merged = np.insert(others, between, rows[np.argsort(chance[rows], kind="stable")])
    scores = questions.scores.copy()
    scores[merged] = questions.scores[order]
    return Questions(kinds, labels, scores)
