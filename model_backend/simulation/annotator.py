"""A simulated annotator: what is answered to each kind of question, with which mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.questions import Kind
from model_backend.errors import LearningError
from model_backend.simulation.mistakes import Truth, seen_labels
from model_backend.simulation.picks import Weights, picks

Answer = NDArray[np.int8]
LAZY_SEED = 2  # beside the seed of the tags: the same tags are picked, whatever is left as it came


@dataclass(frozen=True)
class Habits:
    """How people answer.

    bias: which of the labels that are present is tagged, see `BIASES`. mistakes: the share of the labels that
    are there which is taken for labels that are not, the same in every kind of answer: see `taken_for`.
    lazy: the chance that a label shown to be checked is left as it came, unticked, without a look.
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
    """Answers questions about images of a known truth (N, L), 1 present, by what is seen of them."""

    def __init__(self, truth: Truth, habits: Habits, seed: int, areas: Weights | None = None) -> None:
        """areas (N, L): how much of an image each label covers, for the bias `size`."""
        self._picks = picks(truth, seed=seed, bias=habits.bias, areas=areas, mistakes=habits.mistakes)
        self._seen, self._lazy = seen_labels(truth, self._picks.taken), habits.lazy
        self._random = np.random.default_rng([seed, LAZY_SEED])

    def answer(self, row: int, kind: Kind, labels: Sequence[int] = ()) -> Answer:
        """What becomes known of an image's labels (L,): +1, -1, and 0 for what stays unknown.

        Where nothing of them is there, that is the answer whatever was asked.
        """
        seen = self._seen[row]
        if kind == "complete" or not seen.any():
            return np.where(seen, 1, -1).astype(np.int8)
        known = np.zeros(len(seen), dtype=np.int8)
        if kind == "tag":
            known[self._picks.tag(row)] = 1
        for label in labels:
            lazily = kind == "check" and self._random.random() < self._lazy
            known[label] = 1 if seen[label] and not lazily else -1
        return known
