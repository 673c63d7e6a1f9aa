"""A table of parameters whose training step costs the rows that were used, not the rows that there are."""

from __future__ import annotations

import torch
from torch import Tensor

BETAS = (0.9, 0.999)
EPSILON = 1e-8
BYTES_A_CELL = 12  # value and two moments in float32; the gradient exists for the batch only


class RowTable:
    """(N, D) float32 values with Adam's moments, both read and written by row.

    `gather` returns a leaf tensor of a few rows, autograd fills its gradient, and `step` writes the update
    back to these rows. Nothing of size N is touched. Adam is Kingma and Ba 2015, in the lazy form (as torch's
    SparseAdam): a row that is not in the batch stands still, where dense Adam would move it by its old
    momentum. The bias correction counts the steps of each row, so that a row first seen late starts as one
    seen early.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.mean = torch.zeros_like(values)
        self.square = torch.zeros_like(values)
        self.steps = torch.zeros(values.shape[0], dtype=torch.int32, device=values.device)
        self._pending: list[tuple[Tensor, Tensor]] = []

    def gather(self, indices: Tensor) -> Tensor:
        """Rows (B, D). Where gradients are on, they wait for the next `step`."""
        rows = self.values[indices]
        if torch.is_grad_enabled():
            rows.requires_grad_()
            self._pending.append((indices, rows))
        return rows

    def all(self) -> Tensor:
        """Every row, as `gather` gives them."""
        return self.gather(torch.arange(self.values.shape[0], device=self.values.device))

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update the rows that got a gradient since the last step; gradients of repeated rows are summed."""
        used = [(indices, rows.grad) for indices, rows in self._pending if rows.grad is not None]
        self._pending.clear()
        if not used:
            return
        rows, place = torch.unique(torch.cat([indices for indices, _ in used]), return_inverse=True)
        gradient = self.values.new_zeros(rows.numel(), self.values.shape[1])
        gradient.index_add_(0, place, torch.cat([grad for _, grad in used]))
        self._update(rows, gradient, learning_rate)

    def _update(self, rows: Tensor, gradient: Tensor, learning_rate: float) -> None:
        """Adam on distinct rows."""
        first, second = BETAS
        steps = self.steps[rows] + 1
        mean = self.mean[rows].lerp_(gradient, 1 - first)
        square = self.square[rows].mul_(second).addcmul_(gradient, gradient, value=1 - second)
        self.steps[rows], self.mean[rows], self.square[rows] = steps, mean, square
        count = steps.to(mean.dtype).unsqueeze(1)
        scale = (square / (1 - second**count)).sqrt_().add_(EPSILON)
        self.values.index_add_(0, rows, mean.div_(1 - first**count).div_(scale), alpha=-learning_rate)

    def state(self) -> dict[str, Tensor]:
        """The four tensors, not copied."""
        return {"values": self.values, "mean": self.mean, "square": self.square, "steps": self.steps}
