"""One free logit for each image and label."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.estimators.base import SPREAD, SURE, Estimator
from model_backend.estimators.memory import require_memory
from model_backend.estimators.observed import ObservedMatrix
from model_backend.estimators.rows import BYTES_A_CELL, RowTable

INSTEAD = "the estimator 'lowrank' (a few numbers an image) or 'network' (none)"


class MatrixEstimator(Estimator):
    """The N x L matrix of Cole et al. 2021, section 3.3: uniform between 0.4 and 0.6, observed cells sure.

    12 bytes a cell, where dense Adam holds 16 and touches all of them at every step; here a step costs its
    batch. Refuses with a `LearningError` what does not fit in memory.
    """

    def __init__(
        self,
        observed: ObservedMatrix,
        features: Tensor | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        del features  # a free matrix reads none
        super().__init__(observed, seed, torch.device(device))
        self.table = RowTable(self._start())
        self._set_known(*self.observed.triples())

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L); features are not read."""
        del features
        return self.table.gather(indices.to(self.device))

    def tables(self) -> dict[str, RowTable]:
        """The matrix."""
        return {"matrix": self.table}

    def _grow(self, before: ObservedMatrix, features: Tensor | None) -> None:
        del features
        if self.observed.shape != before.shape:
            self.table.grow(self._start())
        self._set_known(*self.observed.changed_since(before))

    def _start(self) -> Tensor:
        """Uniform logits of the pool's shape, if there is room for them."""
        images, labels = self.observed.shape
        needed = images * labels * BYTES_A_CELL
        require_memory(needed, self.device, f"The matrix of {images:,} images x {labels:,} labels", INSTEAD)
        start = torch.empty(images, labels)
        return start.uniform_(-SPREAD, SPREAD, generator=self._generator()).to(self.device)

    def _set_known(self, images: Tensor, labels: Tensor, values: Tensor) -> None:
        """Observed cells become sure; one that is unknown again goes back to the middle."""
        self.table.set(images, labels, values.float() * SURE)
