"""The images whose labels are least certain come first."""

from __future__ import annotations

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores


def label_entropy(candidates: Candidates, _seed: int) -> Scores:
    """Mean binary entropy over an image's labels, in bits: (N,), 0..1.

    Each label counts by itself: labels of an image do not exclude one another, so that the entropy of one
    distribution over all labels would be wrong.

    >>> label_entropy(Candidates(np.array([[0.5, 1.0], [0.5, 0.5]], np.float32)), 0).tolist()
    [0.5, 1.0]
    """
    uncertain: Scores = binary_entropy(candidates.chances).mean(axis=1)
    return uncertain


def binary_entropy(chances: Scores) -> Scores:
    """The entropy of each chance in 0..1, in bits, in the same shape.

    >>> binary_entropy(np.array([0.0, 0.5, 1.0])).tolist()
    [0.0, 1.0, 0.0]
    """
    inner = chances.clip(1e-12, 1 - 1e-12)
    bits = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    found: Scores = np.where((chances > 0) & (chances < 1), bits, 0.0)
    return found
