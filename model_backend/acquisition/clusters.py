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
    return grouped(leading_directions(features, seed), count, seed)


def grouped(points: NDArray[np.float32], count: int, seed: int, starts: int = 3) -> NDArray[np.int64]:
    """The same of points (N, D) as they are, the best of so many starts; of few, each is its own group."""
    if len(points) <= count:
        return np.arange(len(points), dtype=np.int64)
    model = MiniBatchKMeans(count, batch_size=2048, n_init=starts, random_state=seed)
    with warnings.catch_warnings():  # fewer different images than groups
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(model.fit_predict(points), dtype=np.int64)


def central(points: NDArray[np.float32], count: int, seed: int) -> NDArray[np.intp]:
    """The rows nearest to the middle of each of `count` groups of points (N, D), the largest group first.

    >>> central(np.array([[0], [1], [2], [8], [9]], np.float32), 2, seed=0).tolist()
    [1, 3]
    """
    groups = grouped(points, count, seed)
    sizes = np.bincount(groups)
    order = np.argsort(-sizes, kind="stable")
    return np.array([_middle(points, groups == group) for group in order if sizes[group]], dtype=np.intp)


def _middle(points: NDArray[np.float32], members: NDArray[np.bool_]) -> int:
    """The row that is nearest to the mean of the members (N,), one of them."""
    rows = np.flatnonzero(members)
    apart = ((points[rows] - points[rows].mean(axis=0)) ** 2).sum(axis=1)
    return int(rows[apart.argmin()])
