"""How local gradients and colours go together: the logarithm of their second moments over an image.

Second-order pooling (Carreira, Caseiro, Batista and Sminchisescu, ECCV 2012) in the log-Euclidean metric
(Arsigny et al., 2006): no codebook, nothing to fit. A picture and its mirror image get the same numbers: with
descriptors split into a part that mirroring keeps and a part whose sign it turns, the second moments averaged
over both are two blocks, half as many numbers as one matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_backend.backbones.handcrafted.planes import (
    Floats,
    Planes,
    cell_deviations,
    cell_means,
    oriented_cells,
)

FLAT = (0.05, 0.015, 0.015)  # gradient size below which a window counts as flat, by opponent plane
FLOOR = 0.01  # of the mean eigenvalue: keeps the logarithm away from what is noise
COLOURS = 6  # mean and deviation of R, G and B


class LocalStatistics:
    """One block: square cells of `cell` pixels, descriptors over `window` x `window` of them.

    A descriptor holds the oriented gradients of its cells, `orientations` of them in the first, second, ...
    opponent plane (square roots after normalising, as in RootSIFT), the means and deviations of the colours
    in its four corner cells, and where it lies: height, and squared distance from the middle.
    """

    def __init__(self, cell: int, window: int, orientations: tuple[int, ...]) -> None:
        self.cell, self.window, self.orientations = cell, window, orientations
        mirrored = self._mirrored()
        order = np.arange(len(mirrored))
        self._fixed = order[mirrored == order]
        self._left = order[order < mirrored]
        self._right = mirrored[self._left]

    @property
    def width(self) -> int:
        """Numbers in the block."""
        even, odd = len(self._fixed) + len(self._left) + 1, len(self._left)
        return even * (even + 1) // 2 + odd * (odd + 1) // 2

    def __call__(self, planes: Planes) -> Floats:
        """The block (width,)."""
        descriptors = self.descriptors(planes)
        left, right = descriptors[:, self._left], descriptors[:, self._right]
        half = np.float32(np.sqrt(0.5))
        ones = np.ones((len(descriptors), 1), np.float32)
        even = np.concatenate([descriptors[:, self._fixed], (left + right) * half, ones], axis=1)
        odd = (left - right) * half
        return log_moments(even, odd)

    def descriptors(self, planes: Planes) -> Floats:
        """Descriptors (M, d) of every window of the image."""
        parts = [
            self._gradients(planes.opponent[plane], orientations, FLAT[plane])
            for plane, orientations in enumerate(self.orientations)
        ]
        means = cell_means(planes.rgb, self.cell)
        deviations = cell_deviations(planes.rgb, means, self.cell)
        windows = _windows(np.concatenate([means, deviations]), self.window)
        parts.append(windows[:, :: self.window - 1, :: self.window - 1])
        parts.append(_position(windows.shape[-1]))
        return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts]).T

    def _gradients(self, plane: Floats, orientations: int, flat: float) -> Floats:
        windows = _windows(oriented_cells(plane, self.cell, orientations), self.window)
        size = np.sqrt((windows * windows).sum(axis=(0, 1, 2)))
        root: Floats = np.sqrt(windows / (size + np.float32(flat)))
        return root

    def _mirrored(self) -> NDArray[np.intp]:
        """Where each number of a descriptor goes when the picture is mirrored left to right."""
        places: list[NDArray[np.intp]] = []
        start = 0
        for orientations in self.orientations:
            turned = (orientations // 2 - np.arange(orientations)) % orientations
            part = start + np.arange(orientations * self.window**2).reshape(orientations, self.window, -1)
            places.append(part[turned][:, :, ::-1].ravel())
            start += part.size
        colours = start + np.arange(COLOURS * 4).reshape(COLOURS, 2, 2)
        places.append(colours[:, :, ::-1].ravel())
        places.append(colours.max() + 1 + np.arange(2))
        return np.concatenate(places)


def log_moments(*groups: Floats) -> Floats:
    """Matrix logarithm of each group's second moments (M, d) -> d (d + 1) / 2 numbers, one after the other.

    Off-diagonal numbers are taken sqrt(2) times, so that distances are those between the matrices.
    Eigenvalues are raised by FLOOR times the mean over all groups.
    """
    solved = []
    for group in groups:
        exact = group.astype(np.float64)
        solved.append(np.linalg.eigh(exact.T @ exact / len(exact)))
    floor = FLOOR * np.concatenate([np.maximum(values, 0) for values, _ in solved]).mean()
    numbers = []
    for values, vectors in solved:
        logarithm = (vectors * np.log(np.maximum(values, 0) + floor)) @ vectors.T
        rows, columns = np.triu_indices(len(values))
        numbers.append(logarithm[rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0)))
    joined: Floats = np.concatenate(numbers).astype(np.float32)
    return joined


def _windows(cells: Floats, window: int) -> Floats:
    """Cells of every window: (C, n, n) to (C, window, window, windows of the image)."""
    places = len(cells[0]) - window + 1
    rows = [
        [cells[:, down : down + places, right : right + places] for right in range(window)]
        for down in range(window)
    ]
    stacked: Floats = np.array(rows).transpose(2, 0, 1, 3, 4)
    return stacked.reshape(len(cells), window, window, places * places)


def _position(places: int) -> Floats:
    """Height and squared distance from the middle column (2, windows), both within -1/2..1/2."""
    along = np.linspace(-0.5, 0.5, round(places**0.5), dtype=np.float32)
    height, across = np.meshgrid(along, along, indexing="ij")
    return np.stack([height.ravel(), 2 * across.ravel() ** 2])
