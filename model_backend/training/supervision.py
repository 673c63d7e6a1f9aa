"""What heads are trained to: observations, expected positives, and how likely a present label is tagged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from model_backend.losses import Batch


@dataclass(frozen=True, eq=False)
class Supervision:
    """The weak labels of a pool of N images.

    observed (N, L): +1 present, -1 absent, 0 unknown. expected_positives: k, labels an image.
    propensity (L,): the chance in (0, 1] that a label which is present is the one tagged; None where all are
    as likely.
    """

    observed: Tensor
    expected_positives: float
    propensity: Tensor | None = None

    def to(self, device: torch.device) -> Supervision:
        """The same on another device."""
        moved = None if self.propensity is None else self.propensity.to(device)
        return replace(self, observed=self.observed.to(device), propensity=moved)

    def batch(
        self, rows: Tensor, *, epoch: int, epochs: int, estimate: Tensor | None, generator: torch.Generator
    ) -> Batch:
        """What a loss needs of the images at `rows` (B,); the other arguments: see `Batch`."""
        return Batch(
            observed=self.observed[rows],
            indices=rows,
            epoch=epoch,
            epochs=epochs,
            expected_positives=self.expected_positives,
            estimate=estimate,
            propensity=self.propensity,
            generator=generator,
        )
