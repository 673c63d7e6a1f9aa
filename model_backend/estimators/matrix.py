"""One free logit for each image and label."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.estimators.base import SPREAD, SURE, Estimator
from model_backend.estimators.memory import require_memory
from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.rows import BYTES_A_CELL, RowTable

INSTEAD = "the estimator 'lowrank' (a few numbers an image) or 'network' (none)"


class MatrixEstimator(Estimator):
    """The N x L matrix of Cole et al. 2021, section 3.3: from 0.4 to 0.6, and 0.995 or 0.005 where observed.

    12 bytes a cell, where dense Adam holds 16 and touches all cells at every step; here a step touches the
    rows of its batch. Raises LearningError where the matrix does not fit in memory.
    """

    def __init__(
        self,
        observed: SparseObservations,
        features: Tensor | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        del features  # a free matrix needs none
        super().__init__(observed, seed, torch.device(device))
        self.table = RowTable(self._start())

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L); features are not read."""
        del features
        return self.table.gather(indices.to(self.device))

    def tables(self) -> dict[str, RowTable]:
        """The matrix."""
        return {"matrix": self.table}

    def _start(self) -> Tensor:
        """The first logits (N, L). Raises LearningError where they do not fit in memory."""
        images, labels = self.observed.shape
        needed = images * labels * BYTES_A_CELL
        require_memory(needed, self.device, f"The matrix of {images:,} images x {labels:,} labels", INSTEAD)
        start = torch.empty(images, labels).uniform_(-SPREAD, SPREAD, generator=self._generator())
        start = start.to(self.device)
        image, label, value = self.observed.triples()
        start[image, label] = value.float() * SURE
        return start
