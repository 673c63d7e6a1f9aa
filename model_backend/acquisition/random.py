"""A random order: the baseline of every acquisition."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def random_order(probabilities: Floats, features: Floats | None, seed: int) -> NDArray[np.float64]:  # noqa: ARG001 (all acquisitions take the same)
    """Uniform numbers (N,) for probabilities (N, L), the same for the same seed.

    >>> random_order(np.zeros((3, 2), np.float32), None, seed=0).round(2).tolist()
    [0.64, 0.27, 0.04]
    """
    return np.random.default_rng(seed).random(len(probabilities))
