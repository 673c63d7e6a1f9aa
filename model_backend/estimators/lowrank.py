"""A few numbers an image: the matrix factorised."""

from __future__ import annotations

import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators.base import LIKELY, Estimator
from model_backend.estimators.memory import require_memory
from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.rows import BYTES_A_CELL, RowTable

START = 0.25  # standard deviation of an unknown cell's first logit, about that of the uniform matrix


class LowRankEstimator(Estimator):
    """logits = U V^T + b + s, U (N, R) by image, V (L, R) and b (L,) shared, s = 2 or -2 where observed.

    Cole et al. 2021, section 6, name a factorised matrix as the way out of N x L parameters. V is shared by
    all images, so that one learns from another, which the free matrix cannot. 12 (N + L) R bytes: one million
    images x 10,000 labels at rank 32 take 0.4 GB. U is trained by row; V and b at every step.

    Args:
        rank: R.
    """

    def __init__(
        self,
        observed: SparseObservations,
        features: Tensor | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        rank: int = 32,
    ) -> None:
        del features  # it learns from observations alone
        super().__init__(observed, seed, torch.device(device))
        if rank < 1:
            raise LearningError(f"The rank must be at least 1, not {rank}.", "Choose 1 or more.")
        self.rank = rank
        images, labels = self._start()
        self.images, self.labels = RowTable(images), RowTable(labels)

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L); features are not read."""
        del features
        indices = indices.to(self.device)
        shared = self.labels.all()
        free = torch.addmm(shared[:, -1], self.images.gather(indices), shared[:, :-1].T)
        return free + LIKELY * self.observed.rows(indices)

    def tables(self) -> dict[str, RowTable]:
        """U, and V with b as its last column."""
        return {"images": self.images, "labels": self.labels}

    def _start(self) -> tuple[Tensor, Tensor]:
        """Random factors of the pool's shape whose product is about `START`; b is 0."""
        images, labels = self.observed.shape
        needed = (images + labels) * self.rank * BYTES_A_CELL
        what = f"Rank {self.rank} for {images:,} images x {labels:,} labels"
        require_memory(needed, self.device, what, "a lower rank or the estimator 'network'")
        generator = self._generator()
        deviation = (START / self.rank**0.5) ** 0.5
        left = torch.empty(images, self.rank).normal_(0, deviation, generator=generator)
        right = torch.empty(labels, self.rank + 1).normal_(0, deviation, generator=generator)
        right[:, -1] = 0
        return left.to(self.device), right.to(self.device)
