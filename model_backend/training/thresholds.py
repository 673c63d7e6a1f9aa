"""From which probability a label is worth suggesting."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


def prior_thresholds(probabilities: Floats, precision: float) -> NDArray[np.float32]:
    """Per-label thresholds (L,) from the probabilities (N, L) alone, read as calibrated.

    The lowest threshold at which the mean probability of what a label suggests still reaches the wanted
    precision; 1 + a little for a label that never does, so that it is never suggested.
    """
    ordered = -np.sort(-np.asarray(probabilities, dtype=np.float64), axis=0)
    means = ordered.cumsum(axis=0) / np.arange(1, len(ordered) + 1)[:, None]
    counts = (means >= precision).sum(axis=0)
    lowest = np.take_along_axis(ordered, np.maximum(counts - 1, 0)[None], axis=0)[0]
    return np.where(counts > 0, lowest, NEVER).astype(np.float32)


NEVER = 1.01  # above every probability
