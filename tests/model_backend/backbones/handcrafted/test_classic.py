from __future__ import annotations

import numpy as np
import pytest
from skimage.feature import local_binary_pattern

from model_backend.backbones.handcrafted.classic import Classic, _uniform_bins, binary_patterns
from model_backend.backbones.handcrafted.planes import Planes, cell_deviations, cell_means


@pytest.fixture
def planes() -> Planes:
    return Planes.of(np.random.default_rng(1).random((3, 128, 128)).astype(np.float32))


def test_the_block_has_the_width_it_says(planes: Planes) -> None:
    classic = Classic(128)
    block = classic(planes, planes)
    assert block.shape == (classic.width,)
    assert block.dtype == np.float32
    assert np.isfinite(block).all()


def test_no_part_swamps_the_others(planes: Planes) -> None:
    block = Classic(128)(planes, planes)
    hog, colours, layout, patterns = np.split(block, np.cumsum([324, 128, 96]))
    for part in (hog, colours, patterns):
        assert np.linalg.norm(part) == pytest.approx(1.0, abs=0.15)
    assert 0.3 < np.linalg.norm(layout) < 3


def test_binary_patterns_compare_each_pixel_with_its_ring() -> None:
    plane = np.random.default_rng(0).random((9, 9)).astype(np.float32)
    codes = binary_patterns(plane, 2)
    assert codes.shape == (5, 5)
    ring = [(-2, -2), (-2, 0), (-2, 2), (0, 2), (2, 2), (2, 0), (2, -2), (0, -2)]
    for y in range(5):
        for x in range(5):
            bits = [int(plane[y + 2 + dy, x + 2 + dx] >= plane[y + 2, x + 2]) for dy, dx in ring]
            assert codes[y, x] == sum(bit << place for place, bit in enumerate(bits))


def test_the_uniform_patterns_are_scikit_images() -> None:
    bins = _uniform_bins()
    assert len(set(bins.tolist())) == 59
    smooth = np.add.outer(np.arange(12.0), np.arange(12.0) ** 2).astype(np.uint8)
    theirs = local_binary_pattern(smooth, 8, 1, "nri_uniform")[1:-1, 1:-1]  # type: ignore[no-untyped-call] # scikit-image is untyped
    mine = bins[binary_patterns(smooth.astype(np.float32), 1)]
    assert len(set(zip(theirs.ravel().tolist(), mine.ravel().tolist(), strict=True))) <= 59


def test_cells_have_their_mean_and_deviation() -> None:
    values = np.random.default_rng(2).random((2, 8, 8)).astype(np.float32)
    means = cell_means(values, 4)
    deviations = cell_deviations(values, means, 4)
    for row in range(2):
        for column in range(2):
            cell = values[1, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            assert means[1, row, column] == pytest.approx(cell.mean(), abs=1e-5)
            assert deviations[1, row, column] == pytest.approx(cell.std(), abs=1e-4)
