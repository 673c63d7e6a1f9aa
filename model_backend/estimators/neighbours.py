"""Observed labels spread over the nearest neighbours of the whole pool."""

from __future__ import annotations

import numpy as np
import torch
from scipy.sparse import csr_matrix
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators.base import SURE, Estimator
from model_backend.estimators.graph import neighbour_graph
from model_backend.estimators.memory import require_memory
from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.propagation import label_shares

LEAST = 1e-4  # probability of a label that no neighbour carries


class NeighboursEstimator(Estimator):
    """p = min(1, k q), q the label shares of the neighbourhood, tagged or not; frozen during training.

    Not published under the single-positive protocols; see `label_shares` for q. Observed cells have a
    probability of 0.995 or 0.005. Built in time N^2 F up to 20,000 images, about N^1.5 beyond; 4 bytes
    a cell.

    Args:
        neighbours: edges of an image.
        alpha: how far labels travel, 0 to below 1.
        expected_positives: k.
    """

    def __init__(
        self,
        observed: SparseObservations,
        features: Tensor | None = None,
        *,
        seed: int = 0,
        device: torch.device | str = "cpu",
        neighbours: int = 15,
        alpha: float = 0.9,
        expected_positives: float = 1.0,
    ) -> None:
        super().__init__(observed, seed, torch.device(device))
        if not 0 <= alpha < 1:
            raise LearningError(f"alpha must be at least 0 and below 1, not {alpha}.", "0.9 is usual.")
        self.expected_positives = expected_positives
        self.shares = self._shares(features, neighbours, alpha)

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L) without gradient; features are not read again."""
        del features
        indices = indices.to(self.device)
        probability = (self.expected_positives * self.shares[indices]).clamp(LEAST, 1 - LEAST)
        known = self.observed.rows(indices)
        return torch.where(known == 0, probability.logit(), SURE * known)

    def tensors(self) -> dict[str, Tensor]:
        """The shares, with what was observed."""
        return super().tensors() | {"shares": self.shares}

    def _shares(self, features: Tensor | None, neighbours: int, alpha: float) -> Tensor:
        """q (N, L), see `label_shares`."""
        images, labels = self.observed.shape
        if features is None or features.shape[0] != images:
            raise LearningError(
                "The estimator neighbours reads features.", f"Pass those of all {images:,} images (N, F)."
            )
        what = f"A table of {images:,} images x {labels:,} label shares"
        require_memory(images * labels * 4, torch.device("cpu"), what, "the estimator 'lowrank' or 'network'")
        graph = neighbour_graph(features.to(self.device), neighbours, self.seed)
        image, label, value = (cells.cpu().numpy() for cells in self.observed.triples())
        tagged = value > 0
        ones = np.ones(int(tagged.sum()), dtype=np.float32)
        positive = csr_matrix((ones, (image[tagged], label[tagged])), shape=self.observed.shape)
        return torch.from_numpy(label_shares(graph, positive, alpha)).to(self.device)
