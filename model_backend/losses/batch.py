"""What a loss gets besides the logits, and the three masks that every loss is written in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.losses.propensity import inverse_propensity


@dataclass(frozen=True)
class Batch:
    """B images and what was observed of their L labels.

    Attributes:
        observed: (B, L), +1 present, -1 absent, 0 unknown, in any number type. Dense for the batch only.
        indices: (B,) int64, the images' rows in the pool; losses that remember images do so by this number.
        epoch: number of the pass over the pool, from 1.
        epochs: passes planned in all.
        expected_positives: k, the labels that an image is expected to show.
        estimate: (B, L) logits of a label estimator, for the losses whose entry has `uses_estimate`.
        propensity: (L,) or (B, L) in (0, 1]: the chance that a label which is present was observed;
            observed positives weigh 1/propensity (see `propensity`). None: all weigh 1.
        generator: source of the randomness of the losses that draw; None takes torch's default one.
    """

    observed: Tensor
    indices: Tensor
    epoch: int = 1
    epochs: int = 1
    expected_positives: float = 1.0
    estimate: Tensor | None = None
    propensity: Tensor | None = None
    generator: torch.Generator | None = None

    def require_estimate(self, loss: str) -> Tensor:
        """The estimator's logits (B, L). Raises LearningError where there are none."""
        if self.estimate is None:
            raise LearningError(
                f"The loss {loss} needs a label estimator.",
                "Pass its logits as Batch(estimate=...), from build_estimator('lowrank', ...) for instance.",
            )
        return self.estimate


@dataclass(frozen=True)
class Masks:
    """The observed matrix of a batch as three (B, L) masks in the precision of the logits.

    A loss is a sum of mask times term, so that a cell counts in one of them alone. `positive` carries the
    inverse propensity weights (1 where no propensity is given); the other two are 0 or 1.
    """

    batch: Batch
    positive: Tensor
    negative: Tensor
    unknown: Tensor

    @classmethod
    def of(cls, batch: Batch, like: Tensor) -> Masks:
        """Masks of a batch on the device and in the type of `like`."""
        observed = batch.observed.to(like.device)
        positive = (observed > 0).to(like.dtype)
        if batch.propensity is not None:
            positive = positive * inverse_propensity(batch.propensity.to(like))
        return cls(batch, positive, (observed < 0).to(like.dtype), (observed == 0).to(like.dtype))

    @property
    def assumed_negative(self) -> Tensor:
        """(B, L): 1 where the label was not observed as present, what "assume negative" reads as absent."""
        return self.negative + self.unknown
