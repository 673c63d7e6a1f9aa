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
from model_backend.estimators.observed import ObservedMatrix
from model_backend.estimators.propagation import label_shares

LEAST = 1e-4  # probability of a label that no neighbour carries


class NeighboursEstimator(Estimator):
    """p = min(1, k q), q the label shares of the neighbourhood, tagged or not; frozen during training.

    Nothing published under the single-positive protocols does it; see `label_shares` for q. Observed cells
    are sure. Built in time N^2 F up to 20,000 images, about N^1.5 beyond; 4 bytes a cell.

    Args:
        neighbours: edges of an image.
        alpha: how far labels travel, 0 to below 1.
        expected_positives: k.
    """

    def __init__(
        self,
        observed: ObservedMatrix,
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
            raise LearningError(f"alpha is at least 0 and below 1, not {alpha}.")
        self.neighbours, self.alpha, self.expected_positives = neighbours, alpha, expected_positives
        self.shares = torch.zeros(0)
        self._build(features)

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

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take the shares of a state of the same observations; else those built here stand."""
        same = all(
            torch.equal(state[f"observed.{name}"].cpu(), getattr(self.observed, name).cpu())
            for name in ("pointers", "labels", "values")
        )
        if same and state["shares"].shape == self.shares.shape:
            self.shares = state["shares"].to(self.device, copy=True)

    def to(self, device: torch.device | str) -> Estimator:
        """Move all tensors; returns itself."""
        super().to(device)
        self.shares = self.shares.to(self.device)
        return self

    def _build(self, features: Tensor | None) -> None:
        images, labels = self.observed.shape
        if features is None or features.shape[0] != images:
            raise LearningError(
                f"The estimator neighbours reads features: pass those of all {images:,} images."
            )
        what = f"A table of {images:,} images x {labels:,} label shares"
        require_memory(images * labels * 4, torch.device("cpu"), what, "the estimator 'lowrank' or 'network'")
        self.graph = neighbour_graph(features.to(self.device), self.neighbours, self.seed)
        self._spread()

    def _spread(self) -> None:
        image, label, value = (part.cpu().numpy() for part in self.observed.triples())
        tagged = value > 0
        ones = np.ones(int(tagged.sum()), dtype=np.float32)
        positive = csr_matrix((ones, (image[tagged], label[tagged])), shape=self.observed.shape)
        shares = label_shares(self.graph, positive, self.alpha)
        self.shares = torch.from_numpy(shares).to(self.device)

    def _grow(self, before: ObservedMatrix, features: Tensor | None) -> None:
        """New images need the features of all; new labels and observations spread over the graph there is."""
        if self.observed.shape[0] == before.shape[0] and features is None:
            self._spread()
        else:
            self._build(features)
