"""The observations of a pool as a sparse three-valued matrix, made dense for one batch at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError


@dataclass(frozen=True)
class SparseObservations:
    """N x L in {+1 present, -1 absent, 0 unknown}, known cells only, compressed by rows.

    One million images with a tag each take 21 MB, whatever L is. Made by `of`, `from_dense` or
    `from_triples`.

    Attributes:
        pointers: (N + 1,) int64; the known cells of image i are at pointers[i] : pointers[i + 1].
        labels: (known,) int32, ascending within an image.
        values: (known,) int8, +1 or -1.
        label_count: L.
    """

    pointers: Tensor
    labels: Tensor
    values: Tensor
    label_count: int

    @classmethod
    def of(cls, observed: SparseObservations | Tensor | NDArray[Any]) -> SparseObservations:
        """The same object, or a dense (N, L) matrix compressed."""
        return observed if isinstance(observed, SparseObservations) else cls.from_dense(observed)

    @classmethod
    def from_dense(cls, observed: Tensor | NDArray[Any]) -> SparseObservations:
        """Compress a dense (N, L) matrix of any number type."""
        dense = torch.as_tensor(observed)
        if dense.ndim != 2:
            raise LearningError(
                f"Observed labels must be a matrix (images, labels), not {tuple(dense.shape)}."
            )
        images, labels = dense.nonzero(as_tuple=True)
        return cls.from_triples(images, labels, dense[images, labels], (dense.shape[0], dense.shape[1]))

    @classmethod
    def from_triples(
        cls, images: Tensor | NDArray[Any], labels: Tensor | NDArray[Any], values: Any, shape: tuple[int, int]
    ) -> SparseObservations:
        """From known cells in any order: image, label and value (+1 or -1), each of them (known,).

        Raises LearningError for a cell outside of `shape` (N, L), one that comes twice, and other values.
        """
        image, label = torch.as_tensor(images).long(), torch.as_tensor(labels).long()
        value = torch.as_tensor(values)
        check_triples(image, label, value, shape)
        key, order = (image * shape[1] + label).sort()
        if bool((key[1:] == key[:-1]).any()):
            raise LearningError("A cell is given twice.", "Give the observation that counts, once.")
        counts = torch.bincount(image, minlength=shape[0])
        pointers = torch.cat((counts.new_zeros(1), counts.cumsum(0)))
        return cls(pointers, label[order].int(), value[order].to(torch.int8), shape[1])

    @property
    def shape(self) -> tuple[int, int]:
        """(N, L)."""
        return self.pointers.numel() - 1, self.label_count

    def rows(self, indices: Tensor) -> Tensor:
        """Dense int8 (B, L) of the images at `indices` (any order, repeats allowed), on their device."""
        indices = indices.to(self.pointers.device)
        starts = self.pointers[indices]
        counts = self.pointers[indices + 1] - starts
        row = torch.repeat_interleave(counts)
        within = torch.arange(row.numel(), device=row.device) - (counts.cumsum(0) - counts)[row]
        cell = starts[row] + within
        dense = self.values.new_zeros(indices.numel(), self.label_count)
        dense[row, self.labels[cell].long()] = self.values[cell]
        return dense

    def triples(self) -> tuple[Tensor, Tensor, Tensor]:
        """(image, label, value) of the known cells, by image and label."""
        images = torch.repeat_interleave(self.pointers.diff())
        return images, self.labels.long(), self.values

    def to(self, device: torch.device | str) -> SparseObservations:
        """The same on another device."""
        moved = (self.pointers.to(device), self.labels.to(device), self.values.to(device))
        return SparseObservations(*moved, self.label_count)


def check_triples(images: Tensor, labels: Tensor, values: Tensor, shape: tuple[int, int]) -> None:
    """Raises LearningError unless every known cell lies within the shape and is +1 or -1."""
    if not images.shape == labels.shape == values.shape or images.ndim != 1:
        raise LearningError("Images, labels and values of the known cells must be of one length.")
    if not images.numel():
        return
    inside = 0 <= int(images.min()) <= int(images.max()) < shape[0]
    if not inside or not 0 <= int(labels.min()) <= int(labels.max()) < shape[1]:
        raise LearningError(
            f"A known cell lies outside of {shape[0]} images x {shape[1]} labels.", "Check the shape."
        )
    if not bool((values.abs() == 1).all()):
        raise LearningError("A known cell is +1 (present) or -1 (absent).", "Leave unknown cells out.")


def as_tensor(features: Tensor | NDArray[Any] | None) -> Tensor | None:
    """Features as a float32 tensor, shared with NumPy where the type allows."""
    if features is None or isinstance(features, Tensor):
        return features
    return torch.from_numpy(np.ascontiguousarray(features, dtype=np.float32))
