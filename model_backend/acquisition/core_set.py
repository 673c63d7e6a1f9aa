"""The images that are least like those that hold an answer come first."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import pairwise_distances_argmin_min

from model_backend.acquisition.candidates import Candidates, Scores
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import CHOSEN, in_order


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
    points = leading_directions(candidates.features, seed)
    lengths = (points**2).sum(axis=1)
    distances = lengths.astype(np.float64)  # from the middle, while nothing is answered
    if not candidates.free.all():
        distances = pairwise_distances_argmin_min(points, points[~candidates.free])[1].astype(np.float64) ** 2
    left = candidates.free.copy()
    chosen: list[int] = []
    while len(chosen) < min(CHOSEN, int(candidates.free.sum())):
        new = int(np.where(left, distances, -1.0).argmax())
        distances = np.minimum(distances, lengths + lengths[new] - 2 * points @ points[new])
        left[new] = False
        chosen.append(new)
    return in_order(chosen, np.where(left, distances, 0.0))
