"""Ask in a random order: what every other way to ask has to beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def random_order(probabilities: Floats, features: Floats | None, seed: int) -> NDArray[np.float64]:  # noqa: ARG001
    """Uniform numbers (N,), the same for the same seed."""
    return np.random.default_rng(seed).random(len(probabilities))
