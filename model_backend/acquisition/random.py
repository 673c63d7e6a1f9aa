"""A random order: the baseline of every acquisition."""

from __future__ import annotations

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores


def random_order(candidates: Candidates, seed: int) -> Scores:
    """Uniform numbers (N,), the same for the same seed.

    >>> random_order(Candidates(np.zeros((3, 2), np.float32)), seed=0).round(2).tolist()
    [0.64, 0.27, 0.04]
    """
    return np.random.default_rng(seed).random(candidates.images)
