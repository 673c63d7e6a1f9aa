"""The images whose labels are least certain come first."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def label_entropy(probabilities: Floats, features: Floats | None, seed: int) -> NDArray[np.float64]:  # noqa: ARG001 (all acquisitions take the same)
    """Mean binary entropy over an image's labels, in bits: (N, L) to (N,), 0..1.

    Each label counts by itself: labels of an image do not exclude one another, so that the entropy of one
    distribution over all labels would be wrong. A probability that is not a number counts as 0.5.

    >>> label_entropy(np.array([[0.5, 1.0], [0.5, 0.5]], np.float32), None, 0).tolist()
    [0.5, 1.0]
    """
    exact = np.nan_to_num(probabilities.astype(np.float64), nan=0.5).clip(0.0, 1.0)
    inner = exact.clip(1e-12, 1 - 1e-12)
    bits = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    uncertain: NDArray[np.float64] = np.where((exact > 0) & (exact < 1), bits, 0.0).mean(axis=1)
    return uncertain
