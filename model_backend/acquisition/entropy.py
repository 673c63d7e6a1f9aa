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
    exact = candidates.chances
    inner = exact.clip(1e-12, 1 - 1e-12)
    bits = -(inner * np.log2(inner) + (1 - inner) * np.log2(1 - inner))
    uncertain: Scores = np.where((exact > 0) & (exact < 1), bits, 0.0).mean(axis=1)
    return uncertain
