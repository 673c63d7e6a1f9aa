"""Images on a plane, by the two directions in which their features differ most; and near-duplicates.

Features are read in pieces: those of 100,000 images take a gigabyte. What is kept of each image is its place
and a sketch, its features at random directions, whose cosines are the features' to a hundredth (Johnson and
Lindenstrauss, 1984). A plane by neighbours, as UMAP's, would show more and needs another library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.extmath import randomized_svd

from model_backend.features.mapping import FeatureMap
from model_backend.features.near import Floats, Rows, near_groups, unit

ALIKE = 0.95
"""The cosine from which two images are near-duplicates. A photograph that was compressed again, mirrored or
made brighter is above it, two of one scene are not; textures that look the same are, whatever they are of."""
SAMPLE = 5_000  # images that tell the directions
PIECE = 2_048  # images read at once
SKETCH = 128  # random directions

Read = Callable[[Rows], Floats]
Rest = Callable[[], None]


@dataclass(frozen=True, eq=False)
class Laid:
    """places (N, 2) in -1..1: across and up; shares: of the variance that either holds, 0..1.

    groups (N,) int32: a number for images that are near-duplicates, -1 for the others.
    """

    places: Floats
    shares: tuple[float, float]
    groups: NDArray[np.int32]


def lay_out(
    read: Read, images: int, blocks: Sequence[int], *, seed: int = 0, rest: Rest = lambda: None
) -> Laid:
    """Lay out N images. read: the raw features (M, F) of some of them, by row, rows ascending.

    blocks: as the backbone reports them; each counts the same, and is centred on the images.
    rest: called between pieces of work; it may pause, and what it raises goes on.

    >>> features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    >>> laid = lay_out(lambda rows: features[rows], len(features), (4, 2))
    >>> laid.places.shape, laid.groups.shape
    ((50, 2), (50,))
    """
    if images == 0:
        return Laid(np.zeros((0, 2), np.float32), (0.0, 0.0), np.zeros(0, np.int32))
    random = np.random.default_rng(seed)
    sample = read(np.sort(random.permutation(images)[:SAMPLE]))
    balance = FeatureMap.fit(sample, blocks, seed=seed, kind="linear")

    def balanced(rows: Rows) -> Floats:
        return balance.transform(read(rows))

    axes = _axes(balance.transform(sample), seed)
    del sample
    directions = random.normal(size=(len(axes), SKETCH)).astype(np.float32)
    places, shares, sketches = _projected(balanced, images, axes, directions, rest)
    groups = near_groups(sketches, balanced, ALIKE, rest)
    return Laid(places / max(float(np.abs(places).max()), 1e-12), shares, groups)


def _axes(points: Floats, seed: int) -> Floats:
    """The two directions (F, 2) in which points vary most; zeros where there is no second, or none."""
    axes = np.zeros((points.shape[1], 2), np.float32)
    count = min(2, *points.shape)
    _, lengths, found = randomized_svd(points - points.mean(axis=0), count, random_state=seed)
    axes[:, :count] = np.where(lengths[:, None] > 1e-6, found, 0.0).T
    return axes


def _projected(
    balanced: Read, images: int, axes: Floats, directions: Floats, rest: Rest
) -> tuple[Floats, tuple[float, float], Floats]:
    """Places (N, 2) that are centred, the share of the variance along each axis, and sketches of length 1."""
    places = np.empty((images, 2), np.float32)
    sketches = np.empty((images, directions.shape[1]), np.float32)
    total, squares = np.zeros(len(axes)), 0.0
    for start in range(0, images, PIECE):
        rows = np.arange(start, min(start + PIECE, images))
        points = balanced(rows)
        places[rows], sketches[rows] = points @ axes, unit(points @ directions)
        total += points.sum(axis=0, dtype=np.float64)
        squares += float(np.square(points).sum(dtype=np.float64))
        rest()
    variance = squares / images - float(np.square(total / images).sum())
    along = places.var(axis=0, dtype=np.float64) / max(variance, 1e-12)
    places -= places.mean(axis=0)
    return places, (float(along[0]), float(along[1])), sketches
