"""Groups of alike images, so that the queue does not show one kind of image over and over."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning

from model_backend.acquisition.directions import leading_directions


def clusters(features: NDArray[np.float32], count: int, seed: int) -> NDArray[np.int64]:
    """The group (N,) of each image, 0..count-1, by k-means on the features (N, F).

    With fewer (different) images than groups, some groups stay empty. The same seed gives the same groups.

    >>> features = np.array([[0, 0], [0, 1], [9, 9], [9, 8]], np.float32)
    >>> first, second, third, fourth = clusters(features, 2, seed=0).tolist()
    >>> first == second != third == fourth
    True
    """
    if len(features) <= count or count <= 1:
        return np.arange(len(features), dtype=np.int64) % max(count, 1)
    points = leading_directions(features, seed)
    model = MiniBatchKMeans(count, batch_size=2048, n_init=3, random_state=seed)
    with warnings.catch_warnings():  # fewer different images than groups
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit_predict(points), dtype=np.int64)
