"""What every label estimator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.rows import RowTable

MULTIPLIER = 10.0  # of the classifier's learning rate (Cole et al. 2021, code)
SURE = 5.293304824724492  # logit of 0.995; its negative is that of 0.005
LIKELY = 2.0  # logit of 0.88: leaves the parameters that images share a gradient to learn from
SPREAD = 0.4054651081081642  # logit of 0.6: unknown cells start uniformly between 0.4 and 0.6


class Estimator(ABC):
    """g: logits of every label of every image of the pool, trained beside the classifier or frozen.

        logits = estimator.logits(indices, features[indices])
        loss(classifier(features[indices]), Batch(..., estimate=logits)).backward()
        estimator.step(learning_rate)

    Indices are rows of the pool. Observed cells start at a probability of 0.995 or 0.005 where each cell has
    parameters of its own. Where images share parameters they start at about 0.88 or 0.12: nearer to 0 and 1
    the gradient would vanish, and the shared parameters would learn nothing from these cells.

    Attributes:
        observed: the observations that the estimator was built from.
        device: where its tensors are.
    """

    def __init__(self, observed: SparseObservations, seed: int, device: torch.device) -> None:
        self.observed = observed.to(device)
        self.seed = seed
        self.device = device

    @abstractmethod
    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L) logits of the images at `indices`; `features` (B, F) are theirs, where features are used."""

    def probabilities(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """(B, L) in [0, 1], without gradients."""
        with torch.no_grad():
            return self.logits(indices, features).sigmoid()

    def tables(self) -> dict[str, RowTable]:
        """The tables of trained parameters by name; none where the estimator is frozen."""
        return {}

    def step(self, learning_rate: float = 1e-3) -> None:
        """Apply the gradients that a backward pass left and clear them.

        Args:
            learning_rate: the classifier's; the estimator's is ten times it.
        """
        for table in self.tables().values():
            table.step(MULTIPLIER * learning_rate)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that it keeps between steps, by name, Adam's moments included; not copied."""
        held = {
            "observed.pointers": self.observed.pointers,
            "observed.labels": self.observed.labels,
            "observed.values": self.observed.values,
            "observed.label_count": torch.tensor(self.observed.label_count),
        }
        for name, table in self.tables().items():
            held |= {f"{name}.{field}": tensor for field, tensor in table.state().items()}
        return held

    def _generator(self) -> torch.Generator:
        """A source of the random start, from the seed and the shape of the pool."""
        images, labels = self.observed.shape
        return torch.Generator().manual_seed(((self.seed * 1_000_003 + images) * 1_000_003 + labels) % 2**63)
