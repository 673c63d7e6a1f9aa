"""What every label estimator offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators.observed import ObservedMatrix
from model_backend.estimators.rows import RowTable

MULTIPLIER = 10.0  # of the classifier's learning rate (Cole et al. 2021, code)
SURE = 5.293304824724492  # logit of 0.995; its negative is that of 0.005
LIKELY = 2.0  # logit of 0.88: leaves the parameters that images share a gradient to learn from
SPREAD = 0.4054651081081642  # logit of 0.6: unknown cells start uniformly between 0.4 and 0.6


class Estimator(ABC):
    """g: a belief about every label of every image of the pool, trained beside the classifier or frozen.

        logits = estimator.logits(indices, features[indices])
        loss(classifier(features[indices]), Batch(..., estimate=logits)).backward()
        estimator.step(learning_rate)

    Indices are rows of the pool. Observed cells start sure (0.995 or 0.005) where a cell has its own belief,
    and at about 0.88 or 0.12 where images share parameters: sure, those would learn nothing from them.

    Attributes:
        observed: what was known when the estimator was built or last grown.
        device: where its tensors are.
    """

    def __init__(self, observed: ObservedMatrix, seed: int, device: torch.device) -> None:
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
        """The trained tables by name; none where the estimator is frozen."""
        return {}

    def step(self, learning_rate: float = 1e-3) -> None:
        """Apply the gradients that a backward pass left and clear them.

        Args:
            learning_rate: the classifier's; the estimator's is ten times it.
        """
        for table in self.tables().values():
            table.step(MULTIPLIER * learning_rate)

    def grow(self, observed: ObservedMatrix, features: Tensor | None = None) -> None:
        """Go on with more images, labels or observations; what was learned is kept.

        Images and labels keep their numbers: new ones come after the old. `features` (N', F) are those of the
        whole pool, where features are used.

        Raises:
            LearningError: there are fewer images or labels than before.
        """
        if observed.shape[0] < self.observed.shape[0] or observed.shape[1] < self.observed.shape[1]:
            raise LearningError(
                f"An estimator of {self.observed.shape} images x labels cannot become {observed.shape}: "
                "keep removed images and labels in their place, or build a new one."
            )
        before, self.observed = self.observed, observed.to(self.device)
        self._grow(before, features)

    @abstractmethod
    def _grow(self, before: ObservedMatrix, features: Tensor | None) -> None:
        """Bring the tensors to the shape of `self.observed`."""

    def tensors(self) -> dict[str, Tensor]:
        """All that it holds by name, moments included; not copied."""
        held = {
            "observed.pointers": self.observed.pointers,
            "observed.labels": self.observed.labels,
            "observed.values": self.observed.values,
            "observed.label_count": torch.tensor(self.observed.label_count),
        }
        for name, table in self.tables().items():
            held |= {f"{name}.{part}": tensor for part, tensor in table.state().items()}
        return held

    def state_dict(self) -> dict[str, Tensor]:
        """A copy of all that it holds: training goes on from it as if it had not stopped."""
        return {name: tensor.detach().clone() for name, tensor in self.tensors().items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take up a state, also of a smaller pool: it is then grown to the present one."""
        present = self.observed
        tensors = {name: tensor.to(self.device, copy=True) for name, tensor in state.items()}
        self.observed = ObservedMatrix(
            tensors["observed.pointers"],
            tensors["observed.labels"],
            tensors["observed.values"],
            int(state["observed.label_count"]),
        )
        for name, table in self.tables().items():
            table.load({part: tensors[f"{name}.{part}"] for part in table.state()})
        self.grow(present)

    def to(self, device: torch.device | str) -> Estimator:
        """Move all tensors; returns itself."""
        self.device = torch.device(device)
        self.observed = self.observed.to(self.device)
        for table in self.tables().values():
            table.to(self.device)
        return self

    def _generator(self) -> torch.Generator:
        """Seeded by the seed and the pool's shape, so that what is added differs from what was there."""
        images, labels = self.observed.shape
        return torch.Generator().manual_seed(((self.seed * 1_000_003 + images) * 1_000_003 + labels) % 2**63)
