"""Colour planes of an image at one scale, and what descriptors share: cells, gradients, orientations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Planes:
    """rgb (3, N, N) in 0..1; opponent (3, N, N): lightness, red against green, blue against yellow."""

    rgb: Floats
    opponent: Floats

    @classmethod
    def of(cls, rgb: Floats) -> Planes:
        """The planes of an RGB image (3, N, N)."""
        red, green, blue = rgb
        opponent = ((red + green + blue) / 3, (red - green) / 2, (2 * blue - red - green) / 4)
        return cls(rgb, np.stack(opponent))

    def halved(self) -> Planes:
        """The same image at half the size."""
        return Planes.of(cell_means(self.rgb, 2))


def cell_means(planes: Floats, cell: int) -> Floats:
    """Means over square cells: (C, N, N) to (C, N / cell, N / cell)."""
    channels, size, _ = planes.shape
    cells = size // cell
    means: Floats = planes.reshape(channels, cells, cell, cells, cell).mean(axis=(2, 4), dtype=np.float32)
    return means


def cell_deviations(planes: Floats, means: Floats, cell: int) -> Floats:
    """Standard deviations over the same cells as `means`."""
    deviations: Floats = np.sqrt(np.maximum(cell_means(planes * planes, cell) - means * means, 0))
    return deviations


def gradients(planes: Floats) -> tuple[Floats, Floats]:
    """Central differences along x and y, zero on the border: (..., N, N) each."""
    x, y = np.zeros_like(planes), np.zeros_like(planes)
    x[..., 1:-1] = planes[..., 2:] - planes[..., :-2]
    y[..., 1:-1, :] = planes[..., 2:, :] - planes[..., :-2, :]
    return x, y


def oriented_cells(plane: Floats, cell: int, orientations: int) -> Floats:
    """Gradient magnitude by direction, shared between the two nearest of `orientations` over the full circle.

    (N, N) to (orientations, N / cell, N / cell), means over the cells.
    """
    x, y = gradients(plane)
    magnitude = np.hypot(x, y).ravel()
    position = np.arctan2(y, x).ravel() * np.float32(orientations / (2 * np.pi))
    lower = np.floor(position)
    share = position - lower
    first = lower.astype(np.intp) % orientations
    size = len(plane)
    cells = size // cell
    places = (np.arange(size) // cell)[:, None] * cells + (np.arange(size) // cell)
    total = np.zeros(orientations * cells * cells)
    for direction, weight in ((first, 1 - share), ((first + 1) % orientations, share)):
        index = direction * (cells * cells) + places.ravel()
        total += np.bincount(index, weights=magnitude * weight, minlength=len(total))
    return (total / cell**2).reshape(orientations, cells, cells).astype(np.float32)
