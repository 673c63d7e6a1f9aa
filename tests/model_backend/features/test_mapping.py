from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from model_backend.errors import LearningError
from model_backend.features.mapping import DIMENSIONS, GAMMA, FeatureMap, Floats, Kind

BLOCKS = (5, 3, 40)


def pool(images: int, seed: int = 0) -> Floats:
    """Blocks of very different size, around a few centres."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(6, sum(BLOCKS)))[random.integers(0, 6, images)]
    scale = np.repeat([100.0, 0.01, 1.0], BLOCKS)
    rows: Floats = (scale * (centres + 0.5 * random.normal(size=centres.shape) + 7)).astype(np.float32)
    return rows


def naive_balance(features: Floats) -> NDArray[np.float64]:
    parts = []
    for block in np.split(features.astype(np.float64), np.cumsum(BLOCKS)[:-1], axis=1):
        centred = block - block.mean(axis=0)
        parts.append(centred / np.sqrt(2 * np.mean([row @ row for row in centred])))
    rows: NDArray[np.float64] = np.concatenate(parts, axis=1) / np.sqrt(len(BLOCKS))
    return rows


def naive_kernel(features: Floats) -> NDArray[np.float64]:
    rows = naive_balance(features)
    count = len(rows)
    distances = np.array([[np.sum((one - other) ** 2) for other in rows] for one in rows])
    kernel = np.exp(-GAMMA * distances / distances.mean())
    centring = np.eye(count) - np.full((count, count), 1 / count)
    centred: NDArray[np.float64] = centring @ kernel @ centring
    scaled: NDArray[np.float64] = centred / (np.trace(centred) / count)
    return scaled


def test_inner_products_are_the_centred_kernel_of_balanced_blocks() -> None:
    features = pool(60)
    phi = FeatureMap.fit(features, BLOCKS, seed=0).transform(features)
    assert np.allclose(phi @ phi.T, naive_kernel(features), atol=5e-3)


def test_fewer_dimensions_are_the_leading_eigenvectors() -> None:
    features = pool(60)
    phi = FeatureMap.fit(features, BLOCKS, seed=0, dimensions=5).transform(features)
    values, vectors = np.linalg.eigh(naive_kernel(features))
    best = (vectors[:, -5:] * values[-5:]) @ vectors[:, -5:].T
    assert phi.shape == (60, 5)
    assert np.allclose(phi @ phi.T, best / (np.trace(best) / 60), atol=1e-2)


@pytest.mark.parametrize("images", [2, 3, 10, 700])
@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_the_pool_has_mean_zero_and_mean_square_one(images: int, kind: Kind) -> None:
    features = pool(images)
    phi = FeatureMap.fit(features, BLOCKS, seed=0, kind=kind).transform(features)
    assert np.allclose(phi.mean(axis=0), 0, atol=2e-3)
    assert np.mean(np.sum(phi**2, axis=1)) == pytest.approx(1.0, abs=1e-2)
    assert phi.shape[1] <= DIMENSIONS


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_each_block_counts_the_same_whatever_its_units(kind: Kind) -> None:
    features = pool(40)
    rescaled = features * np.repeat(np.array([3.0, 500.0, 0.02], np.float32), BLOCKS)
    one = FeatureMap.fit(features, BLOCKS, seed=0, kind=kind).transform(features)
    other = FeatureMap.fit(rescaled, BLOCKS, seed=0, kind=kind).transform(rescaled)
    assert np.allclose(one @ one.T, other @ other.T, atol=1e-2)


def test_the_linear_map_is_the_balanced_features() -> None:
    features = pool(30)
    phi = FeatureMap.fit(features, BLOCKS, seed=0, kind="linear").transform(features)
    assert np.allclose(phi, np.sqrt(2) * naive_balance(features), atol=1e-4)


def test_several_blocks_get_a_kernel_and_one_stays_linear() -> None:
    features = pool(30)
    assert FeatureMap.fit(features, BLOCKS, seed=0).kernel is not None
    assert FeatureMap.fit(features, (sum(BLOCKS),), seed=0).kernel is None
    assert FeatureMap.fit(features, (sum(BLOCKS),), seed=0, kind="kernel").kernel is not None


def test_new_images_are_mapped_one_by_one_as_together() -> None:
    feature_map = FeatureMap.fit(pool(80), BLOCKS, seed=0)
    new = pool(7, seed=1)
    together = feature_map.transform(new)
    alone = np.concatenate([feature_map.transform(row[None]) for row in new])
    assert np.allclose(together, alone, atol=1e-4)
    assert feature_map.transform(new[:0]).shape == (0, feature_map.dimensions)


def test_a_large_pool_is_approximated_by_landmarks() -> None:
    features = np.concatenate([pool(4200), pool(100, seed=5)])
    exact = FeatureMap.fit(features[:3000], BLOCKS, seed=0)
    approximate = FeatureMap.fit(features, BLOCKS, seed=0)
    assert approximate.kernel is not None
    assert len(approximate.kernel.landmarks) == 2000
    mine, theirs = approximate.transform(features), exact.transform(features)
    assert np.mean(np.sum(mine**2, axis=1)) == pytest.approx(1.0, abs=1e-2)
    rows = np.random.default_rng(0).permutation(len(features))[:200]
    products = [phi[rows] @ phi[rows].T for phi in (mine, theirs)]
    assert np.corrcoef(products[0].ravel(), products[1].ravel())[0, 1] > 0.98


def test_a_randomised_decomposition_finds_the_leading_directions() -> None:
    features = pool(1500)
    phi = FeatureMap.fit(features, BLOCKS, seed=0, dimensions=20).transform(features)
    kernel = naive_kernel_quick(features)
    values = np.linalg.eigvalsh(kernel)[::-1][:20]
    found = np.sort(np.sum(phi.astype(np.float64) ** 2, axis=0))[::-1]
    assert np.allclose(found / found.sum(), values / values.sum(), atol=2e-3)


def naive_kernel_quick(features: Floats) -> NDArray[np.float64]:
    rows = naive_balance(features)
    squares = np.sum(rows**2, axis=1)
    distances = squares[:, None] + squares - 2 * rows @ rows.T
    kernel: NDArray[np.float64] = np.exp(-GAMMA * distances / distances.mean())
    centred: NDArray[np.float64] = kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()
    return centred


def test_rows_of_unreadable_images_do_not_count() -> None:
    features = pool(50)
    holes = np.concatenate([np.zeros((5, sum(BLOCKS)), np.float32), features])
    with_holes = FeatureMap.fit(holes, BLOCKS, seed=0)
    assert np.array_equal(
        with_holes.transform(features), FeatureMap.fit(features, BLOCKS, seed=0).transform(features)
    )
    assert np.isfinite(with_holes.transform(holes)).all()


@pytest.mark.parametrize("kind", ["kernel", "linear"])
@pytest.mark.parametrize("images", [0, 1, 4])
def test_images_that_are_all_alike_give_finite_rows(kind: Kind, images: int) -> None:
    features = np.tile(np.arange(sum(BLOCKS), dtype=np.float32), (images, 1))
    feature_map = FeatureMap.fit(features, BLOCKS, seed=0, kind=kind)
    assert np.isfinite(feature_map.transform(features)).all()
    assert np.isfinite(feature_map.transform(pool(3))).all()


def test_a_block_that_never_varies_takes_no_share() -> None:
    features = pool(40)
    features[:, :5] = 3.0
    phi = FeatureMap.fit(features, BLOCKS, seed=0).transform(features)
    without = FeatureMap.fit(features[:, 5:], BLOCKS[1:], seed=0).transform(features[:, 5:])
    assert np.allclose(phi @ phi.T, without @ without.T, atol=1e-3)


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_a_map_reloads_bit_for_bit(kind: Kind, tmp_path: Path) -> None:
    feature_map = FeatureMap.fit(pool(70), BLOCKS, seed=0, kind=kind)
    save_file(feature_map.tensors(), tmp_path / "map.safetensors")
    again = FeatureMap.from_tensors(load_file(tmp_path / "map.safetensors"))
    assert np.array_equal(again.transform(pool(9, seed=2)), feature_map.transform(pool(9, seed=2)))


def test_the_same_pool_gives_the_same_map_twice() -> None:
    features = pool(1400)  # large enough for the randomised decomposition
    one, other = (FeatureMap.fit(features, BLOCKS, seed=3) for _ in range(2))
    assert np.array_equal(one.transform(features), other.transform(features))


def test_fitting_leaves_the_features_and_the_threads_alone() -> None:
    features = pool(20)
    before, threads = features.copy(), torch.get_num_threads()
    FeatureMap.fit(features, BLOCKS, seed=0).transform(features)
    assert np.array_equal(features, before)
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("features", "blocks", "kind", "says"),
    [
        (pool(4), (5, 3), "auto", "need"),
        (np.full((4, 48), np.nan, np.float32), BLOCKS, "auto", "not finite"),
        (pool(4), BLOCKS, "cubic", "auto, kernel or linear"),
    ],
)
def test_wrong_input_is_refused(features: Floats, blocks: tuple[int, ...], kind: Kind, says: str) -> None:
    with pytest.raises(LearningError, match=says):
        FeatureMap.fit(features, blocks, seed=0, kind=kind)


def test_features_of_another_backbone_are_refused() -> None:
    with pytest.raises(LearningError, match="Train again"):
        FeatureMap.fit(pool(10), BLOCKS, seed=0).transform(np.zeros((2, 7), np.float32))


def test_an_incomplete_file_is_refused() -> None:
    tensors = FeatureMap.fit(pool(10), BLOCKS, seed=0).tensors()
    del tensors["projection"]
    with pytest.raises(LearningError, match="projection"):
        FeatureMap.from_tensors(tensors)
