"""What an acquisition may look at: the images, what the model believes of them, what is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]
Predict = Callable[[Floats], Floats]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The images of a pool, and which of them may be asked.

    Attributes:
        probabilities: (N, L) in 0..1, what the model predicts. One that is not a number counts as 0.5.
        features: (N, F), where they are at hand.
        answered: (N,), the images that hold an answer already; None: none does.
        thresholds: (L,), from which probability each label is suggested; None: 0.5.
        expected_positives: k, the labels an image; None: not told.
        belief: (N, L) in 0..1, what is believed of the labels apart from the model; None: nothing is.
        mapped: (N, D), the features as the heads see them, where they are at hand.
        preference: (L,), how readily each label is tagged where it is there; None: all alike.
        predict: from mapped features (M, D) to probabilities (M, L), by the same model; None: not at hand.

    Nothing tells how many labels are known of an image: with one tag an image that is always one.

    Raises LearningError for a belief or mapped features of another number of images or labels, and where one
    of their numbers is not finite.
    """

    probabilities: Floats
    features: Floats | None = None
    answered: NDArray[np.bool_] | None = None
    thresholds: Floats | None = None
    expected_positives: float | None = None
    belief: Floats | None = None
    mapped: Floats | None = None
    preference: Scores | None = None
    predict: Predict | None = None

    def __post_init__(self) -> None:
        if self.belief is not None:
            _require("belief", self.belief, self.probabilities.shape)
        if self.mapped is not None:
            _require("mapped features", self.mapped, (self.images, self.mapped.shape[-1]))

    @property
    def images(self) -> int:
        """N."""
        return len(self.probabilities)

    @property
    def chances(self) -> Scores:
        """The probabilities as exact numbers in 0..1."""
        exact: Scores = np.nan_to_num(self.probabilities.astype(np.float64), nan=0.5).clip(0.0, 1.0)
        return exact

    @property
    def free(self) -> NDArray[np.bool_]:
        """The images (N,) that may be asked."""
        return np.ones(self.images, dtype=bool) if self.answered is None else ~self.answered

    @property
    def seen(self) -> Floats | None:
        """What tells the images apart: the mapped features, else the features; None without either."""
        return self.features if self.mapped is None else self.mapped


def _require(what: str, given: Floats, shape: tuple[int, ...]) -> None:
    if given.shape != shape:
        raise LearningError(
            f"The {what} have the shape {given.shape}, not {shape}.", "Give a row for each image of the pool."
        )
    if not np.isfinite(given).all():
        raise LearningError(f"The {what} hold numbers that are not finite.", "Leave such images out.")
