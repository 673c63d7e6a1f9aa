"""The images that are least like those that hold an answer come first."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min

from model_backend.acquisition.candidates import Candidates, Scores
from model_backend.acquisition.directions import leading_directions

CHOSEN = 256  # images that are chosen one after another; the others follow by their distance


def core_set(candidates: Candidates, seed: int) -> Scores:
    """Scores (N,) in 0..1, k-centre greedy: the next image is the one farthest from all before it.

    Those with an answer come before all. By the features' leading directions; without features nothing tells
    the images apart, and all have the same score.

    >>> features = np.array([[0.0], [0.1], [5.0], [9.0]], np.float32)
    >>> answered = np.array([True, False, False, False])
    >>> candidates = Candidates(np.zeros((4, 2), np.float32), features, answered)
    >>> core_set(candidates, seed=0).argsort()[::-1].tolist()
    [3, 2, 1, 0]
    """
    if candidates.features is None or not candidates.free.any():
        return np.zeros(candidates.images)
    points = leading_directions(np.nan_to_num(candidates.features), seed)
    lengths = (points**2).sum(axis=1)
    distances = lengths.astype(np.float64)  # from the middle, while nothing is answered
    if not candidates.free.all():
        distances = pairwise_distances_argmin_min(points, points[~candidates.free])[1].astype(np.float64) ** 2
    scores = np.zeros(candidates.images)
    left = candidates.free.copy()
    for place in range(min(CHOSEN, int(left.sum()))):
        new = int(np.where(left, distances, -1.0).argmax())
        distances = np.minimum(distances, lengths + lengths[new] - 2 * points @ points[new])
        left[new], scores[new] = False, 1 - place / (2 * CHOSEN)
    rest = distances.clip(min=0.0)
    scores[left] = rest[left] / max(float(rest.max()), 1e-12) / 2
    return scores
