"""From a training to what its acquisition may look at."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from model_backend.acquisition import Candidates
from model_backend.training.finish import Fit
from model_backend.training.pool import Floats


def candidates_of(fitted: Fit, features: Floats, observed: NDArray[np.int8]) -> Candidates:
    """The images of a pool as its fit sees them. features (N, F); observed (N, L), rows as in the pool.

    >>> from model_backend.training import Pool, fit
    >>> features, observed = np.eye(4, dtype=np.float32), np.eye(4, 3, dtype=np.int8)
    >>> candidates = candidates_of(fit(Pool(features, (), observed)), features, observed)
    >>> candidates.free.tolist()
    [False, False, False, True]
    """
    model = fitted.model

    def predict(mapped: Floats) -> Floats:
        return model.predict_mapped(torch.from_numpy(mapped))

    return Candidates(
        fitted.probabilities,
        features,
        answered=(observed != 0).any(axis=1),
        thresholds=model.thresholds,
        expected_positives=model.expected_positives,
        belief=fitted.belief,
        mapped=fitted.mapped,
        preference=fitted.preference,
        predict=predict,
    )
