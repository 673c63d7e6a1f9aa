"""What a loss remembers of the images it has seen, from one pass over the pool to the next."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model_backend.estimators.memory import require_memory


class ImageMemory(nn.Module):
    """A (rows, L) buffer addressed by image index; it grows as higher indices come.

    The numbers of images and labels need not be known in advance. New cells hold `fill`. Reading and writing
    raise LearningError where the buffer does not fit in memory.
    """

    values: Tensor

    def __init__(self, fill: float, dtype: torch.dtype) -> None:
        super().__init__()
        self.fill = fill
        self.register_buffer("values", torch.empty(0, 0, dtype=dtype))

    def read(self, indices: Tensor, labels: int) -> Tensor:
        """(B, labels) of the images at `indices`."""
        self._reach(indices, labels)
        return self.values[indices.to(self.values.device), :labels]

    def write(self, indices: Tensor, values: Tensor) -> None:
        """Remember `values` (B, labels) for the images at `indices`."""
        self._reach(indices, values.shape[1])
        self.values[indices.to(self.values.device), : values.shape[1]] = values.to(self.values)

    def _reach(self, indices: Tensor, labels: int) -> None:
        """Grow by at least a half, so that a first pass over N images copies each row few times."""
        rows, width = self.values.shape
        wanted = int(indices.max()) + 1 if indices.numel() else 0
        if wanted <= rows and labels <= width:
            return
        shape = (rows if wanted <= rows else max(wanted, rows * 3 // 2), max(labels, width))
        what = f"The loss's memory of {shape[0]:,} images x {shape[1]:,} labels"
        require_memory(
            shape[0] * shape[1] * self.values.element_size(), self.values.device, what, "a loss without state"
        )
        grown = torch.full(shape, self.fill, dtype=self.values.dtype, device=self.values.device)
        grown[:rows, :width] = self.values
        self.values = grown
