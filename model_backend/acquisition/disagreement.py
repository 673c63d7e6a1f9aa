"""The images of which the classifier and the belief beside it say different things come first."""

from __future__ import annotations

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores
from model_backend.acquisition.entropy import binary_entropy


def disagreement(candidates: Candidates, _seed: int) -> Scores:
    """Mean Jensen-Shannon divergence over an image's labels, in bits: (N,), 0..1.

    A committee of two, the classifier with p and the belief with g: the entropy of their mean less the mean
    of their entropies, each label by itself. That is 0 where both say the same, however unsure they are, and
    1 where each is certain of the contrary. Without a belief nobody disagrees: 0.

    >>> both = np.array([[0.5, 0.5], [1.0, 0.0]], np.float32), np.array([[0.5, 0.5], [0.0, 0.0]], np.float32)
    >>> disagreement(Candidates(both[0], belief=both[1]), 0).tolist()
    [0.0, 0.5]
    """
    if candidates.belief is None:
        return np.zeros(candidates.images)
    classified, believed = candidates.chances, candidates.belief.astype(np.float64).clip(0.0, 1.0)
    together = binary_entropy((classified + believed) / 2)
    apart = together - (binary_entropy(classified) + binary_entropy(believed)) / 2
    mean: Scores = apart.mean(axis=1).clip(0.0, 1.0)
    return mean
