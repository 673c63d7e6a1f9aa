"""A simulated annotator: what is answered to each kind of question, with which mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.questions import Kind
from model_backend.errors import LearningError
from model_backend.simulation.picks import Truth, single_positives

Answer = NDArray[np.int8]
SLIPS = 2  # beside the seed of the tags: the same tags are picked, whatever else is mistaken


@dataclass(frozen=True)
class Habits:
    """How people answer.

    bias: which of the labels that are present is tagged, see `BIASES`. mistakes: the chance that a tag names
    a label that is absent, that a yes or no is the other one, and that a complete review misses a label that
    is present. lazy: the chance that a label shown to be checked is accepted without a look.
    Raises LearningError for a chance outside 0..1.
    """

    bias: str = "uniform"
    mistakes: float = 0.0
    lazy: float = 0.0

    def __post_init__(self) -> None:
        for name in ("mistakes", "lazy"):
            if not 0 <= getattr(self, name) <= 1:
                raise LearningError(f"The chance {name!r} must lie in 0..1.", "Give a share, as 0.05.")


class Annotator:
    """Answers questions about images of a known truth (N, L), 1 present."""

    def __init__(self, truth: Truth, habits: Habits, seed: int) -> None:
        self._truth, self._habits = truth > 0, habits
        some = int(self._truth.any(axis=1).sum())
        self._tags = single_positives(truth, some, seed=seed, bias=habits.bias, mistakes=habits.mistakes)
        self._random = np.random.default_rng([seed, SLIPS])

    def answer(self, row: int, kind: Kind, labels: Sequence[int] = ()) -> Answer:
        """What becomes known of an image's labels (L,): +1, -1, and 0 for what stays unknown."""
        if kind == "complete" or not self._truth[row].any():
            return self._review(row)
        if kind == "tag":
            return np.array(self._tags[row], dtype=np.int8)
        known = np.zeros(self._truth.shape[1], dtype=np.int8)
        for label in labels:
            known[label] = 1 if self._says_yes(row, label, shown=kind == "check") else -1
        return known

    def _says_yes(self, row: int, label: int, *, shown: bool) -> bool:
        if shown and self._random.random() < self._habits.lazy:
            return True
        slips = self._random.random() < self._habits.mistakes
        return bool(self._truth[row, label]) != slips

    def _review(self, row: int) -> Answer:
        """Every label; where nothing of them is there, that is the answer whatever was asked."""
        missed = self._random.random(self._truth.shape[1]) < self._habits.mistakes
        return np.where(self._truth[row] & ~missed, 1, -1).astype(np.int8)
