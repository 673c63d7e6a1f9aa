"""Mixtures of complete reviews and tags, for the benchmarks of learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_backend.simulation.mistakes import Truth
from model_backend.simulation.picks import full_labels, single_positives
from model_backend.training.pool import Observations


@dataclass(frozen=True)
class Mixture:
    """How many images are reviewed completely, and on how many others a label is tagged."""

    complete: int
    tags: int

    @classmethod
    def read(cls, text: str) -> Mixture:
        """From `200`, tags alone, or `100+200`, reviews and tags. Raises ValueError for anything else."""
        complete, _, tags = text.rpartition("+")
        return cls(int(complete or 0), int(tags))

    def __str__(self) -> str:
        return f"{self.complete}+{self.tags}" if self.complete else str(self.tags)

    def observe(
        self, truth: Truth, *, seed: int, bias: str = "uniform", mistakes: float = 0.0
    ) -> Observations:
        """Observations (N, L) of a truth (N, L), of at most as many images as show a label.

        The reviewed images are the first that this seed tags. mistakes: of the tags, see `single_positives`;
        reviews are right.
        """
        most = min(self.complete + self.tags, int((truth > 0).any(axis=1).sum()))
        observed = single_positives(truth, most, seed=seed, bias=bias, mistakes=mistakes)
        reviewed = full_labels(truth, single_positives(truth, min(self.complete, most), seed=seed, bias=bias))
        return np.where(reviewed.any(axis=1, keepdims=True), reviewed, observed)
