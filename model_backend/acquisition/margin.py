"""The images with a label that is nearly suggested, or just so, come first."""

from __future__ import annotations

import numpy as np

from model_backend.acquisition.candidates import Candidates, Scores


def threshold_margin(candidates: Candidates, _seed: int) -> Scores:
    """1 less the distance of an image's nearest label from its own threshold: (N,), 0..1.

    >>> probabilities, thresholds = np.array([[0.5, 0.1], [0.9, 0.1]], np.float32), np.float32([0.75, 0.5])
    >>> threshold_margin(Candidates(probabilities, thresholds=thresholds), 0).round(2).tolist()
    [0.75, 0.85]
    """
    thresholds = candidates.thresholds
    middle = 0.5 if thresholds is None else np.nan_to_num(thresholds.astype(np.float64), nan=0.5)
    nearest: Scores = np.abs(candidates.chances - middle).min(axis=1)
    return 1 - nearest.clip(0, 1)
