"""The input of a training: features and observations of a project's images, tagged or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training.covered import Cells

Floats = NDArray[np.float32]
Observations = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Pool:
    """All images of a training: what the backbone made of them, and what was observed of their labels.

    features (N, F) float32 as the backbone gave them; blocks: widths of the features' blocks, summing to F
    (empty: one block); observed (N, L) int8: +1 present, -1 absent, 0 unknown; expected (N, L): what the
    backbone expects by the labels' names, see `Backbone.expected`, which the default recipe makes use of;
    covered (N, L) bool: what complete reviews tell, where labels came after some of them; None where an image
    is reviewed completely when all its labels are known; asked (N, L) bool: what is known because it was
    asked by name, as "is there a boat?": it tells what is absent too, but not how many labels an image has;
    drawn (N,) bool: which images chance alone picked to be marked completely, see `measured_cells`.
    Raises LearningError where shapes do not match, for other values, and for features that are not finite.

    >>> pool = Pool(np.ones((2, 5), np.float32), (3, 2), np.array([[1, 0, -1], [0, 0, 0]]))
    >>> pool.images, pool.labels, pool.tagged.tolist()
    (2, 3, [0])
    """

    features: Floats
    blocks: Sequence[int]
    observed: Observations
    expected: Floats | None = None
    covered: Cells | None = None
    asked: Cells | None = None
    drawn: Cells | None = None
    _digests: list[bytes] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        features = as_features(self.features)
        blocks = tuple(int(width) for width in self.blocks) or (features.shape[1],)
        if sum(blocks) != features.shape[1] or min(blocks) < 1:
            raise LearningError(
                f"The blocks {blocks} do not add up to the {features.shape[1]} features an image.",
                "Give the widths that the backbone reports.",
            )
        object.__setattr__(self, "features", features)
        object.__setattr__(self, "blocks", blocks)
        object.__setattr__(self, "observed", as_observed(self.observed, len(features)))
        if self.expected is not None:
            object.__setattr__(self, "expected", as_expected(self.expected, self.observed.shape))
        if self.covered is not None:
            object.__setattr__(self, "covered", as_cells(self.covered, self.observed))
        if self.asked is not None:
            object.__setattr__(self, "asked", as_cells(self.asked, self.observed))
        if self.drawn is not None:
            object.__setattr__(self, "drawn", as_images(self.drawn, len(features)))

    @property
    def images(self) -> int:
        """N, the number of images."""
        return len(self.features)

    @property
    def labels(self) -> int:
        """L, the number of labels."""
        return int(self.observed.shape[1])

    @property
    def tagged(self) -> NDArray[np.int64]:
        """Rows with at least one label observed as present."""
        return np.flatnonzero((self.observed > 0).any(axis=1))

    def digests(self) -> list[bytes]:
        """A hash of each row's features, 8 bytes; computed once."""
        if not self._digests:
            self._digests.extend(blake2b(row.tobytes(), digest_size=8).digest() for row in self.features)
        return self._digests


def as_features(values: Floats) -> Floats:
    """The values as a contiguous float32 matrix.

    Raises LearningError for another shape, and for numbers that are not finite, naming the first such row.
    """
    features = np.ascontiguousarray(values, dtype=np.float32)
    if features.ndim != 2 or 0 in features.shape:
        raise LearningError(f"Features must be a matrix (images, numbers), not of shape {features.shape}.")
    # One sum is finite exactly when every number is (float64: it cannot overflow), and costs no copy.
    if not np.isfinite(features.sum(dtype=np.float64)):
        row = int(np.flatnonzero(~np.isfinite(features).all(axis=1))[0])
        raise LearningError(
            f"The features of image {row} hold NaN or infinity.",
            "Extract them again, or leave the image out.",
        )
    return features


def as_observed(values: NDArray[np.generic], images: int) -> Observations:
    """The values as an int8 matrix of -1, 0 and +1 with one row an image. Raises LearningError otherwise."""
    given = np.asarray(values)
    if given.ndim != 2 or len(given) != images or given.shape[1] < 1:
        raise LearningError(
            f"The observed matrix must be (images, labels) = ({images}, at least 1), not {given.shape}."
        )
    if not np.isin(given, (-1, 0, 1)).all():
        raise LearningError("The observed matrix may only hold +1 (present), -1 (absent) and 0 (unknown).")
    return np.ascontiguousarray(given, dtype=np.int8)


def as_cells(values: Cells, observed: Observations) -> Cells:
    """The values as a bool matrix of observed's shape, False where nothing is known.

    Raises LearningError for another shape or type.
    """
    cells: Cells = np.asarray(values)
    if cells.shape != observed.shape or cells.dtype != np.bool_:
        raise LearningError(
            f"What is covered or asked must be bool of the shape {observed.shape}, not {cells.shape}."
        )
    known: Cells = cells & (observed != 0)
    return known


def as_images(values: Cells, images: int) -> Cells:
    """The values as a bool vector, one an image. Raises LearningError for another shape or type."""
    given: Cells = np.asarray(values)
    if given.shape != (images,) or given.dtype != np.bool_:
        raise LearningError(f"Drawn must be bool of the shape ({images},), not {given.shape}.")
    return given


def as_expected(values: Floats, shape: tuple[int, ...]) -> Floats:
    """The values as a float32 matrix. Raises LearningError for another shape, and for a column that is
    neither of numbers from 0 on nor NaN throughout.
    """
    expected = np.ascontiguousarray(values, dtype=np.float32)
    if expected.shape != shape:
        raise LearningError(f"What is expected must be of the shape {shape}, not {expected.shape}.")
    told = np.isfinite(expected) & (expected >= 0)
    if not (told.all(axis=0) | np.isnan(expected).all(axis=0)).all():
        raise LearningError("What is expected of a label must be numbers from 0 on, or NaN for all images.")
    return expected
