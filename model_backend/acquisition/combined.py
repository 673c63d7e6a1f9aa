"""What is typical of kinds that are not asked yet early on, what is uncertain later."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Scores
from model_backend.acquisition.entropy import label_entropy
from model_backend.acquisition.information import information_gain
from model_backend.acquisition.one_by_one import alone
from model_backend.acquisition.typical import typical_first

WEIGHTS = {label_entropy: 1.0, information_gain: 1.0}
"""Of the ranks of what is uncertain."""
ANSWERS = 10.0  # a label, from which on uncertainty gives more than half of the images


def combined(candidates: Candidates, seed: int) -> Scores:
    """Scores (N,) in 0..1: the images of two orders in turns, the first giving way to the second.

    Coverage, see `typical_first`; and uncertainty, the weighted sum of the ranks of label entropy and
    information gain (WEIGHTS). With A answered images and L labels, uncertainty gives the share
    A / (A + 10 L) of the images: what is typical is worth most while little is known, what is uncertain once
    much is (Hacohen et al., ICML 2022). Without features it is by p (1 - p), below one half.
    """
    if candidates.seen is None:
        return alone(candidates)
    uncertain = np.zeros(candidates.images)
    for score, weight in WEIGHTS.items():
        uncertain += weight * ranks(score(candidates, seed))
    share = uncertainty_share(candidates)
    return in_shares([typical_first(candidates, seed), uncertain], [1 - share, share], candidates.free)


def uncertainty_share(candidates: Candidates) -> float:
    """The share of the images that uncertainty gives, 0..1."""
    answered = int((~candidates.free).sum())
    return answered / (answered + ANSWERS * candidates.probabilities.shape[1])


def ranks(scores: Scores) -> Scores:
    """For each score (N,) the share of all others that it is above, in 0..1; equal ones share their places.

    >>> ranks(np.array([0.1, 7.0, 0.3, 0.3])).tolist()
    [0.0, 1.0, 0.5, 0.5]
    """
    ordered = np.sort(scores)
    below, up_to = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    places: Scores = (below + up_to - 1) / 2
    return places / max(len(scores) - 1, 1)


def in_shares(orders: Sequence[Scores], shares: Sequence[float], free: NDArray[np.bool_]) -> Scores:
    """Scores (N,) in 0..1 by which each of the orders, scores (N,) too, gives its share of the images.

    An image comes where it comes soonest; those that may not be asked, free (N,), come last.

    >>> one, other = np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.1, 0.2, 0.3, 0.4])
    >>> in_shares([one, other], [0.7, 0.3], np.array([True, True, False, True])).argsort()[::-1].tolist()
    [0, 1, 3, 2]
    """
    places = np.full(len(free), np.inf)
    for order, share in zip(orders, shares, strict=True):
        place = np.empty(len(free))
        place[np.lexsort((-order, ~free))] = np.arange(1, len(free) + 1)
        if share > 0:
            places = np.minimum(places, place / share)
    return ranks(np.where(free, -places, -np.inf))
