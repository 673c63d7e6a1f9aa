"""What a simulated project knows, and what it has cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition import Candidates
from model_backend.acquisition.questions import Kind, Seconds
from model_backend.simulation.annotator import Answer
from model_backend.training import Fit, LabelModel, Pool, Recipe, candidates_of, fit
from model_backend.training.pool import Floats


class Record:
    """The observations of a pool of images, as the store would hold them, and the model they have taught."""

    def __init__(
        self,
        features: Floats,
        blocks: tuple[int, ...],
        expected: Floats | None,
        labels: int,
        *,
        seconds: Seconds,
        chance: NDArray[np.float64],
        complete_share: float,
    ) -> None:
        """chance (N,): a number in 0..1 of each image; below the share, it is drawn to be marked whole."""
        shape = (len(features), labels)
        self._features, self._blocks, self._expected = features, blocks, expected
        self._covered, self._asked = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
        self.chance, self.complete_share = chance, complete_share
        self._previous: LabelModel | None = None
        self.observed = np.zeros(shape, dtype=np.int8)
        self.seconds = seconds
        self.spent = 0.0
        self.answers: dict[Kind, int] = {"tag": 0, "yes_no": 0, "check": 0, "complete": 0}

    def add(self, row: int, kind: Kind, answer: Answer, named: int = 0) -> None:
        """Take in what became known of an image (L,), by a question that named so many labels."""
        self.spent += self.seconds.of(kind, named)
        self.answers[kind] += 1
        self.observed[row] = np.where(answer != 0, answer, self.observed[row])
        if (answer != 0).all():
            self._covered[row] = True
        elif kind in ("yes_no", "check"):
            self._asked[row] |= answer != 0

    def train(self, seed: int) -> Fit:
        """Learn from everything known, as the product does."""
        pool = Pool(
            self._features,
            self._blocks,
            self.observed,
            expected=self._expected,
            covered=self._covered,
            asked=self._asked if self._asked.any() else None,
            drawn=self.chance < self.complete_share,
        )
        fitted = fit(pool, Recipe(seed=seed), previous=self._previous)
        self._previous = fitted.model
        return fitted

    def candidates(self, fitted: Fit) -> Candidates:
        """What may be asked next, by what a model believes."""
        return candidates_of(fitted, self._features, self.observed)
