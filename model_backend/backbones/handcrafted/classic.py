"""The descriptors everyone knows, side by side: HOG, colour histogram, colour layout, binary patterns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2hsv, rgb2lab
from skimage.feature import hog

from model_backend.backbones.handcrafted.planes import Floats, Planes, cell_deviations, cell_means

HOG_CELL, HOG_BINS = 32, 9
HSV_BINS = (8, 4, 4)
GRID = 4
RADII = (1, 2, 4)
UNIFORM_BINS = 59  # 58 patterns with at most two changes round the circle, and the rest
NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


class Classic:
    """One block of parts, each scaled to about the same length.

    HOG (Dalal and Triggs, CVPR 2005) in lightness; an HSV histogram; mean and deviation of Lab on a 4 x 4
    grid; uniform local binary patterns (Ojala, Pietikainen and Maenpaa, PAMI 2002) of the three opponent
    planes at three radii. Histograms as square roots (Hellinger distance).
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._pattern_bin = _uniform_bins()

    @property
    def width(self) -> int:
        """Numbers in the block."""
        blocks = self.size // HOG_CELL - 1
        histograms = int(np.prod(HSV_BINS)) + len(RADII) * 3 * UNIFORM_BINS
        return blocks**2 * 4 * HOG_BINS + 6 * GRID**2 + histograms

    def __call__(self, fine: Planes, coarse: Planes) -> Floats:
        """The block (width,): patterns from the `fine` planes, the rest from the `coarse` (3, size, size)."""
        image = coarse.rgb.transpose(1, 2, 0)
        return np.concatenate([_hog(coarse), _colours(image), _layout(image), self._patterns(fine)])

    def _patterns(self, planes: Planes) -> Floats:
        parts = [
            _histogram(self._pattern_bin[binary_patterns(plane, radius)], UNIFORM_BINS)
            for radius in RADII
            for plane in planes.opponent
        ]
        return np.concatenate(parts) / np.float32(len(parts) ** 0.5)


def binary_patterns(plane: Floats, radius: int) -> NDArray[np.uint8]:
    """Which of the eight neighbours at `radius` are at least as bright, one bit each: (N - 2r, N - 2r)."""
    size = len(plane) - 2 * radius
    centre = plane[radius:-radius, radius:-radius]
    codes = np.zeros(centre.shape, np.uint8)
    for bit, (down, right) in enumerate(NEIGHBOURS):
        top, left = radius * (1 + down), radius * (1 + right)
        codes |= (plane[top : top + size, left : left + size] >= centre).astype(np.uint8) << np.uint8(bit)
    return codes


def _hog(planes: Planes) -> Floats:
    grey = planes.opponent[0]
    cells, blocks = (HOG_CELL, HOG_CELL), (2, 2)
    numbers = hog(grey, orientations=HOG_BINS, pixels_per_cell=cells, cells_per_block=blocks)
    return np.asarray(numbers / (len(grey) // HOG_CELL - 1), np.float32)  # each block of cells has length 1


def _colours(image: Floats) -> Floats:
    hsv = rgb2hsv(image)
    code = np.zeros(hsv.shape[:2], np.intp)
    for channel, bins in enumerate(HSV_BINS):
        code = code * bins + np.minimum(hsv[..., channel] * bins, bins - 1).astype(np.intp)
    return _histogram(code, int(np.prod(HSV_BINS)))


def _layout(image: Floats) -> Floats:
    lab: Floats = np.asarray(rgb2lab(image).transpose(2, 0, 1), np.float32) / np.float32(200)
    means = cell_means(lab, len(image) // GRID)
    deviations = cell_deviations(lab, means, len(image) // GRID)
    return np.concatenate([means.ravel(), deviations.ravel()])


def _histogram(codes: NDArray[np.integer], bins: int) -> Floats:
    counts = np.bincount(codes.ravel(), minlength=bins)
    return np.sqrt(counts / codes.size).astype(np.float32)


def _uniform_bins() -> NDArray[np.intp]:
    """The bin of each of the 256 patterns: one each for the uniform ones, the last for all others."""
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    uniform = (bits != np.roll(bits, 1, axis=1)).sum(axis=1) <= 2
    return np.where(uniform, np.cumsum(uniform) - 1, UNIFORM_BINS - 1)
