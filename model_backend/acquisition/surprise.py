"""The images for which the model expects another number of labels than images have come first."""

from __future__ import annotations

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores


def positives_surprise(candidates: Candidates, _seed: int) -> Scores:
    """How far the sum of an image's probabilities is from k, as a share of the labels: (N,), 0..1.

    Without k, from the mean over the images.

    >>> few = Candidates(np.array([[0.5, 0.5], [1.0, 1.0]], np.float32), expected_positives=1.0)
    >>> positives_surprise(few, 0).tolist()
    [0.0, 0.5]
    """
    found = candidates.chances.sum(axis=1)
    given = candidates.expected_positives
    wanted = float(found.mean()) if given is None else given
    apart: Scores = np.abs(found - wanted) / candidates.probabilities.shape[1]
    return apart.clip(0, 1)
