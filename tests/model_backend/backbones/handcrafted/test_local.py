from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.backbones.handcrafted.local import FLAT, FLOOR, LocalStatistics, log_moments
from model_backend.backbones.handcrafted.planes import Floats, Planes, oriented_cells


@pytest.fixture
def picture() -> Floats:
    random = np.random.default_rng(3)
    smooth = random.random((3, 8, 8)).repeat(4, axis=1).repeat(4, axis=2)
    return (0.7 * smooth + 0.3 * random.random((3, 32, 32))).astype(np.float32)


def naive_descriptors(
    rgb: Floats, cell: int, window: int, orientations: tuple[int, ...]
) -> NDArray[np.float64]:
    red, green, blue = rgb.astype(np.float64)
    opponent = [(red + green + blue) / 3, (red - green) / 2, (2 * blue - red - green) / 4]
    size = rgb.shape[1]
    cells = size // cell
    places = cells - window + 1
    rows = []
    grids = []
    for plane, count in zip(opponent, orientations, strict=False):
        grid = np.zeros((count, cells, cells))
        for y in range(size):
            for x in range(size):
                across = plane[y, x + 1] - plane[y, x - 1] if 0 < x < size - 1 else 0.0
                down = plane[y + 1, x] - plane[y - 1, x] if 0 < y < size - 1 else 0.0
                place = np.arctan2(down, across) / (2 * np.pi) * count
                low = int(np.floor(place))
                strength = np.hypot(across, down) / cell**2
                grid[low % count, y // cell, x // cell] += strength * (1 - (place - low))
                grid[(low + 1) % count, y // cell, x // cell] += strength * (place - low)
        grids.append(grid)
    for top in range(places):
        for left in range(places):
            row: list[float] = []
            for grid, flat in zip(grids, FLAT, strict=False):
                part = grid[:, top : top + window, left : left + window].ravel()
                row.extend(np.sqrt(part / (np.linalg.norm(part) + flat)))
            corners = [(top, left), (top, left + window - 1), (top + window - 1, left)]
            corners.append((top + window - 1, left + window - 1))
            for measure in (np.mean, np.std):
                for channel in rgb.astype(np.float64):
                    for y, x in corners:
                        row.append(measure(channel[y * cell : (y + 1) * cell, x * cell : (x + 1) * cell]))
            row.extend([top / (places - 1) - 0.5, 2 * (left / (places - 1) - 0.5) ** 2])
            rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(
    ("cell", "window", "orientations"), [(8, 2, (8, 4, 4)), (4, 3, (8,)), (8, 3, (4, 4))]
)
def test_descriptors_are_those_of_a_loop_over_pixels(
    picture: Floats, cell: int, window: int, orientations: tuple[int, ...]
) -> None:
    found = LocalStatistics(cell, window, orientations).descriptors(Planes.of(picture))
    assert np.allclose(found, naive_descriptors(picture, cell, window, orientations), atol=2e-4)


def test_orientation_cells_share_a_gradient_between_its_two_directions() -> None:
    ramp = np.tile(np.arange(8, dtype=np.float32), (8, 1))
    east = oriented_cells(ramp, 8, 8)
    assert np.flatnonzero(east).tolist() == [0]
    south = oriented_cells(np.ascontiguousarray(ramp.T), 8, 8)
    assert np.flatnonzero(south > 1e-6).tolist() == [2]
    between = oriented_cells(ramp + np.float32(np.tan(np.pi / 8)) * ramp.T, 8, 8)[:2, 0, 0]
    inner = 2 * np.hypot(1, np.tan(np.pi / 8)) * 36 / 64  # the border has gradients along one side only
    assert between.min() >= inner / 2 - 1e-4


@pytest.mark.parametrize(("cell", "window", "orientations"), [(8, 2, (8, 4, 4)), (4, 3, (8,))])
def test_the_block_is_the_logarithm_of_moments_averaged_over_the_mirrored_picture(
    picture: Floats, cell: int, window: int, orientations: tuple[int, ...]
) -> None:
    block = LocalStatistics(cell, window, orientations)
    other = np.ascontiguousarray(picture[:, ::-1, ::-1])

    def logarithm(rgb: Floats) -> NDArray[np.float64]:
        moments: NDArray[np.float64] = np.zeros((1, 1))
        for view in (rgb, np.ascontiguousarray(rgb[:, :, ::-1])):
            rows = block.descriptors(Planes.of(view)).astype(np.float64)
            rows = np.concatenate([rows, np.ones((len(rows), 1))], axis=1)
            moments = moments + rows.T @ rows / len(rows) / 2
        values, vectors = np.linalg.eigh(moments)
        values = np.maximum(values, 0)
        logarithm: NDArray[np.float64] = (vectors * np.log(values + FLOOR * values.mean())) @ vectors.T
        return logarithm

    mine = block(Planes.of(picture)), block(Planes.of(other))
    assert len(mine[0]) == block.width
    assert np.linalg.norm(mine[0]) == pytest.approx(np.linalg.norm(logarithm(picture)), rel=1e-4)
    difference = np.linalg.norm(logarithm(picture) - logarithm(other))
    assert difference > 0.1
    assert np.linalg.norm(mine[0] - mine[1]) == pytest.approx(difference, rel=1e-3)


def test_a_mirrored_picture_has_the_same_block(picture: Floats) -> None:
    block = LocalStatistics(8, 2, (8, 4))
    mirrored = block(Planes.of(np.ascontiguousarray(picture[:, :, ::-1])))
    turned = block(Planes.of(np.ascontiguousarray(picture[:, ::-1])))
    assert np.allclose(mirrored, block(Planes.of(picture)), atol=1e-3)
    assert not np.allclose(turned, block(Planes.of(picture)), atol=1e-1)


def test_log_moments_of_one_group_is_the_matrix_logarithm() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(50, 4)).astype(np.float32)
    moments = rows.astype(np.float64).T @ rows / 50
    moments += FLOOR * np.trace(moments) / 4 * np.eye(4)
    values, vectors = np.linalg.eigh(moments)
    expected = (vectors * np.log(values)) @ vectors.T
    found = log_moments(rows)
    assert found[0] == pytest.approx(expected[0, 0], abs=1e-5)
    assert found[1] == pytest.approx(np.sqrt(2) * expected[0, 1], abs=1e-5)
    assert np.linalg.norm(found) == pytest.approx(np.linalg.norm(expected), rel=1e-5)


def test_a_picture_of_one_colour_has_finite_numbers() -> None:
    for colour in (0.0, 1.0):
        planes = Planes.of(np.full((3, 32, 32), colour, np.float32))
        assert np.isfinite(LocalStatistics(8, 2, (8, 4, 4))(planes)).all()
