"""The most typical image of each kind comes first: what to ask before there is a model, and soon after."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors

from model_backend.acquisition.candidates import Candidates, Floats, Scores
from model_backend.acquisition.clusters import grouped
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import CHOSEN, alone, in_order

ROUND = 8  # images of the first round; each later one has twice as many
NEAREST = 20  # images that tell how typical one is
GROUPS = 256  # at most, a power of two
SHORTLIST = 5_000  # images that are grouped of those asked, and of the others; drawn by chance


def typical_first(candidates: Candidates, seed: int) -> Scores:
    """Scores (N,) in 0..1, see `cold_start`. Without features it is by p (1 - p), below one half."""
    if candidates.seen is None:
        return alone(candidates)
    return cold_start(candidates.seen, candidates.answered, seed=seed)


def cold_start(features: Floats, answered: NDArray[np.bool_] | None = None, *, seed: int) -> Scores:
    """Scores (N,) in 0..1 by the features (N, F) alone, TypiClust: what is typical of kinds not asked yet.

    Round by round, of 8, 16, 32 ... images, k-means makes as many groups as images are asked, those of the
    round included: the next power of two, at most 256. The groups of which the fewest are asked give one
    image each, the largest first: the most typical that is left, of the least mean distance to its 20 nearest
    within the group (Hacohen et al., ICML 2022). All others follow by how far they are from those.
    answered (N,): the images that are asked already; None: none is.

    >>> cold_start(np.eye(3, dtype=np.float32), np.array([True, False, False]), seed=0).tolist()
    [0.0, 1.0, 0.75]
    """
    free = np.ones(len(features), dtype=bool) if answered is None else ~answered
    if not free.any():
        return np.zeros(len(features))
    points = leading_directions(features, seed)
    chosen = _rounds(points, free, seed)
    distances = pairwise_distances_argmin_min(points, points[chosen])[1].astype(np.float64)
    return in_order(chosen, np.where(free, distances, 0.0))


def _rounds(points: Floats, free: NDArray[np.bool_], seed: int) -> list[int]:
    """The rows chosen from points (N, D), in their order."""
    random = np.random.default_rng(seed)
    drawn = [random.permutation(np.flatnonzero(rows))[:SHORTLIST] for rows in (free, ~free)]
    listed = np.sort(np.concatenate(drawn))
    inner, asked = points[listed], ~free[listed]
    count = min(CHOSEN, int((~asked).sum()))
    chosen: list[int] = []
    groups: NDArray[np.int64] = np.zeros(len(listed), dtype=np.int64)
    made, size = 0, ROUND
    while len(chosen) < count:
        size = min(size, count - len(chosen))
        wanted = min(1 << (int(asked.sum()) + size - 1).bit_length(), GROUPS)
        if wanted != made:
            groups, made = grouped(inner, wanted, seed, starts=1), wanted
        new = _typical(inner, groups, asked, size)
        asked[new] = True
        chosen += listed[new].tolist()
        size *= 2
    return chosen


def _typical(points: Floats, groups: NDArray[np.int64], asked: NDArray[np.bool_], size: int) -> list[int]:
    """The places of at most so many images that are not asked yet, one of each group: few of it are asked."""
    every = int(groups.max()) + 1
    sizes, known = np.bincount(groups, minlength=every), np.bincount(groups[asked], minlength=every)
    order = np.lexsort((-sizes, known))
    found: list[int] = []
    for group in order[known[order] < sizes[order]][:size]:
        members = np.flatnonzero(groups == group)
        near = _mean_distances(points[members])
        near[asked[members]] = np.inf
        found.append(int(members[near.argmin()]))
    return found


def _mean_distances(points: Floats) -> Scores:
    """The mean distance (n,) of each of n points (n, D) to its nearest others, at most 20 of them."""
    count = min(NEAREST, len(points) - 1)
    if count < 1:
        return np.zeros(len(points))
    apart = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(points).kneighbors()[0]
    mean: Scores = apart.mean(axis=1).astype(np.float64)
    return mean
