"""What all losses share: precision, the mean over cells, the checks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_backend.errors import LearningError
from model_backend.losses.batch import Batch, Masks


class Loss(nn.Module):
    """A loss on logits (B, L) and a `Batch`; a subclass defines `cell_losses`, the cost of each cell.

    The value is the sum over cells divided by B * L, unknown cells counted, as in the code of Cole et al.
    2021: learning rates published for it carry over. Half precision logits are computed in float32. The value
    does not depend on the order of the images.
    """

    def forward(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss, a scalar. Raises LearningError where shapes do not match."""
        check_shapes(logits, batch)
        working = logits if logits.dtype == torch.float64 else logits.float()
        return self.value(working, Masks.of(batch, working))

    def value(self, logits: Tensor, masks: Masks) -> Tensor:
        """Sum of the cells / (B * L)."""
        return self.cell_losses(logits, masks).sum() / max(logits.numel(), 1)

    def cell_losses(self, logits: Tensor, masks: Masks) -> Tensor:
        """(B, L): the cost of each cell, before the mean."""
        raise NotImplementedError

    def on_epoch_end(self, epoch: int, epochs: int) -> None:
        """Called after each pass over the pool, `epoch` from 1. Losses that remember images update here."""


def check_shapes(logits: Tensor, batch: Batch) -> None:
    """Raises LearningError unless logits and observed labels are (B, L) both, and indices (B,)."""
    if logits.ndim != 2 or logits.shape != batch.observed.shape:
        raise LearningError(
            f"Logits {tuple(logits.shape)} and observed labels {tuple(batch.observed.shape)} must both be "
            "(images, labels).",
            "Take the same rows and labels for both.",
        )
    if batch.indices.shape != logits.shape[:1]:
        raise LearningError(
            f"{logits.shape[0]} images came with {tuple(batch.indices.shape)} indices.",
            "Give each image its row of the pool.",
        )
    if batch.estimate is not None and batch.estimate.shape != logits.shape:
        raise LearningError(
            f"The estimate {tuple(batch.estimate.shape)} must be {tuple(logits.shape)} like the logits.",
            "Ask the estimator for the same images.",
        )


def check_share(name: str, share: float) -> float:
    """The share itself, or a `LearningError` where it is not within [0, 1]."""
    if not 0 <= share <= 1:
        raise LearningError(f"{name} must be a share between 0 and 1, not {share}.", "Choose a share within.")
    return share
