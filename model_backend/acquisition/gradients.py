"""The images whose answers would change the model most, and each in another way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Floats, Scores
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import CHOSEN, alone, in_order


def expected_gradients(candidates: Candidates, seed: int) -> Scores:
    """Scores (N,) in 0..1: the first images by k-means++ over expected gradients, then the others.

    The gradient of a linear head for image x is r x^T, with r = y - p the label's residual, which on average
    over what y may turn out to be has the square p (1 - p), each label by itself. So an image stands at
    sqrt(p (1 - p)) x^T, and the next one is drawn by its squared distance from the nearest that is chosen:
    what is uncertain and unlike the others. x are the features' leading directions. Without features, or
    without an image that may be asked, it is by p (1 - p) alone, which lone images have in common with the
    pool's last ones: their scores lie below one half.
    """
    chances = candidates.chances
    spread = np.sqrt(chances * (1 - chances))
    if candidates.features is None or not candidates.free.any() or not spread.any():
        return alone(candidates)
    points = leading_directions(candidates.features, seed)
    chosen, distances = _spread_out(spread.astype(np.float32), points, candidates.free, seed)
    return in_order(chosen, distances)


def _spread_out(
    spread: Floats, points: Floats, free: NDArray[np.bool_], seed: int
) -> tuple[list[int], Scores]:
    """k-means++ (Arthur and Vassilvitskii, 2007) over the outer products of two rows an image.

    spread (N, L), points (N, D). Returns the images chosen, in their order, and the squared distance (N,) of
    every image to the nearest of them. A product's length and its inner products are those of its factors,
    multiplied: none of the L x D numbers an image is ever made.
    """
    random = np.random.default_rng(seed)
    lengths = (spread**2).sum(axis=1) * (points**2).sum(axis=1)
    distances, left = lengths.astype(np.float64), free.copy()
    chosen: list[int] = []
    while len(chosen) < min(CHOSEN, int(free.sum())):
        chances = np.where(left, distances, 0.0)
        if not chances.any():  # whatever is left is like one that is chosen
            break
        new = int(random.choice(len(chances), p=chances / chances.sum()))
        products = (spread @ spread[new]) * (points @ points[new])
        apart = (lengths + lengths[new] - 2 * products).clip(min=0.0)
        distances = np.minimum(distances, apart) if chosen else apart.astype(np.float64)
        left[new] = False
        chosen.append(new)
    return chosen, distances
