"""The images whose predictions change when parts of their features are left out, and of these unlike ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Floats, Predict, Scores
from model_backend.acquisition.clusters import central
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import alone, in_order

PASSES = 3  # with other features left out each time
LEFT_OUT = 0.75  # of an image's features
SHARE = 0.5  # of the images that may be asked, at most: those that change most
GROUPS = (8, 64)  # the middles of few large ones are asked first, then those of more
ROWS = 4_096  # images predicted at once


def dropout_query(candidates: Candidates, seed: int) -> Scores:
    """Scores (N,) in 0..1, DropQuery: the middles of groups of images whose predictions change, then others.

    Three times, three quarters of an image's mapped features are left out, and the others are four times as
    large (Gupte et al., TMLR 2024). What is predicted of a label is whether it is likelier than on average
    over the pool, each label by itself: with few tags hardly any label is above one half. It changes where
    most of the passes say otherwise. The images that may be asked and change in at least one label, at most
    the half that changes in the most, are grouped by k-means into 8 groups and then into 64, and the image
    nearest to the middle of each group is asked, the largest group first. All others follow by how much they
    change. Without mapped features and a model for them, it is by p (1 - p) alone, below one half.
    """
    if candidates.mapped is None or candidates.predict is None or not candidates.free.any():
        return alone(candidates)
    changes = _changes(candidates.mapped, candidates.predict, candidates.chances, seed)
    rows = _changing(changes, candidates.free)
    points = leading_directions(candidates.mapped, seed)[rows]
    middles = np.concatenate([central(points, count, seed) for count in GROUPS])
    chosen = list(dict.fromkeys(rows[middles].tolist()))
    return in_order(chosen, np.where(candidates.free, 1 + changes, 0.0))


def _changes(mapped: Floats, predict: Predict, chances: Scores, seed: int) -> Scores:
    """In how many labels (N,) most of the passes say otherwise, and a part for what fewer passes say."""
    random = np.random.default_rng(seed)
    level = chances.mean(axis=0)
    changes = np.zeros(len(mapped))
    for start in range(0, len(mapped), ROWS):
        part = mapped[start : start + ROWS]
        said = chances[start : start + ROWS] > level
        otherwise = np.zeros(said.shape)
        for _ in range(PASSES):
            kept = random.random(part.shape, dtype=np.float32) >= LEFT_OUT
            otherwise += (predict(part * kept / np.float32(1 - LEFT_OUT)) > level) != said
        most = (otherwise > PASSES / 2).sum(axis=1)
        changes[start : start + ROWS] = most + otherwise.mean(axis=1) / (PASSES + 1)
    return changes


def _changing(changes: Scores, free: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The rows that may be asked and change, at most a share of them; all of those where none does."""
    rows = np.flatnonzero(free & (changes >= 1))
    if not len(rows):
        return np.flatnonzero(free)
    count = max(int(SHARE * free.sum()), 1)
    return np.sort(rows[np.argsort(-changes[rows], kind="stable")[:count]])
