"""Scores of images that are chosen one by one, each by how far it is from those before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores

CHOSEN = 256  # images that are chosen so; the others follow by how far they are from all of these
CHANCES = 4  # an answer changes the model by p (1 - p) at most a quarter


def alone(candidates: Candidates) -> Scores:
    """Scores (N,) in 0..1/2 of images without features: by p (1 - p), each label by itself.

    An image that joins later is scored so, and comes after those that were chosen one by one.

    >>> alone(Candidates(np.array([[0.5, 0.5], [0.5, 1.0]], np.float32))).tolist()
    [0.5, 0.25]
    """
    chances = candidates.chances
    scores: Scores = (chances * (1 - chances)).mean(axis=1) * CHANCES / 2
    return scores


def in_order(chosen: Sequence[int], distances: Scores) -> Scores:
    """Scores (N,): above one half for the rows chosen, in their order, and by distance (N,) for the others.

    >>> in_order([2, 0], np.array([0.0, 4.0, 0.0, 1.0])).tolist()
    [0.75, 0.5, 1.0, 0.125]
    """
    scores: Scores = distances.clip(min=0.0)
    scores = scores / max(float(scores.max()), 1e-12) / 2
    scores[list(chosen)] = 1 - np.arange(len(chosen)) / (2 * max(len(chosen), 1))
    return scores
