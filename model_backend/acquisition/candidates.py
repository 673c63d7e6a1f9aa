"""What an acquisition may look at: the images, what the model believes of them, what is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Candidates:
    """The images of a pool, and which of them may be asked.

    Attributes:
        probabilities: (N, L) in 0..1, what the model predicts. One that is not a number counts as 0.5.
        features: (N, F), where they are at hand.
        answered: (N,), the images that hold an answer already; None: none does.
        thresholds: (L,), from which probability each label is suggested; None: 0.5.
        expected_positives: k, the labels an image; None: not told.

    Nothing tells how many labels are known of an image: with one tag an image that is always one.
    """

    probabilities: Floats
    features: Floats | None = None
    answered: NDArray[np.bool_] | None = None
    thresholds: Floats | None = None
    expected_positives: float | None = None

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
