"""The leading directions of wide features: distances barely change, and all that follows is quicker."""

from __future__ import annotations

import numpy as np
from sklearn.decomposition import TruncatedSVD

from model_backend.acquisition.candidates import Floats

MANY = 10_000  # images; beyond, the directions are found on a sample
WIDE = 256  # numbers an image; fewer stay as they are
KEPT = 64


def leading_directions(features: Floats, seed: int, most: int | None = None) -> Floats:
    """Features (N, F), centred, on their leading directions: (N, 64), or (N, F) where they are narrow or few.

    most: no more directions than that in any case. What is not a number counts as 0.

    >>> leading_directions(np.ones((3, 2), np.float32), seed=0).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    wide: Floats = np.asarray(features, dtype=np.float32)
    middle = wide.mean(axis=0)
    if not np.isfinite(middle).all():  # else a copy of it all would cost more than what follows
        wide = np.nan_to_num(wide)
        middle = wide.mean(axis=0)
    sample = wide[np.random.default_rng(seed).permutation(len(wide))[:MANY]] - middle
    if wide.shape[1] > WIDE and len(wide) > WIDE:
        count = min(KEPT, most or KEPT)
        directions = TruncatedSVD(count, n_iter=2, random_state=seed).fit(sample).components_.T
    elif most is not None and wide.shape[1] > most:
        directions = np.linalg.svd(sample, full_matrices=False)[2][:most].T
    else:
        narrow: Floats = wide - middle
        return narrow
    return np.asarray(wide @ directions - middle @ directions, dtype=np.float32)
