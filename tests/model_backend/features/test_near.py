"""Near-duplicates: the same as by comparing all with all, led by the first of each group."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.features.near import BLOCK, near_groups, unit

Floats = NDArray[np.float32]
ALIKE = 0.95


def sketched(features: Floats, directions: int = 128, seed: int = 1) -> Floats:
    random = np.random.default_rng(seed).normal(size=(features.shape[1], directions))
    return unit(np.asarray(features @ random, np.float32))


def grouped(features: Floats, alike: float = ALIKE) -> NDArray[np.int32]:
    return near_groups(sketched(features), lambda rows: features[rows], alike)


def different(count: int, width: int = 300, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


def like(row: Floats, cosine: float, seed: int) -> Floats:
    """Something at just this cosine from a row."""
    other = np.random.default_rng(seed).normal(size=row.shape)
    along = row / np.linalg.norm(row)
    across = other - (other @ along) * along
    made = cosine * along + np.sqrt(1 - cosine**2) * across / np.linalg.norm(across)
    return np.asarray(made, np.float32)


def test_copies_are_grouped_and_what_is_different_is_alone() -> None:
    features = different(3 * BLOCK)  # groups within a block of work and across several
    copies = {10: (11, 700), 40: (1300,), 800: (801, 1000, 1500)}
    for first, others in copies.items():
        for number, row in enumerate(others):
            features[row] = like(features[first], 0.97, seed=row + number)
    groups = grouped(features)
    expected = np.full(len(features), -1)
    for number, (first, others) in enumerate(copies.items()):
        expected[[first, *others]] = number
    assert groups.tolist() == expected.tolist()
    assert groups.dtype == np.int32


def test_the_features_decide_and_not_their_sketches() -> None:
    """Pairs just below and just above the limit, which sketches cannot tell apart."""
    features = different(400)
    for row in range(0, 200, 2):
        features[row + 1] = like(features[row], 0.945, seed=row)
    for row in range(200, 400, 2):
        features[row + 1] = like(features[row], 0.96, seed=row)
    groups = grouped(features)
    assert (groups[:200] == -1).all()
    found = groups[200::2] >= 0
    assert found.mean() > 0.97
    assert (groups[200::2] == groups[201::2]).all()


def test_small_steps_do_not_make_one_group_of_all() -> None:
    """A camera that turns: each picture is like the one before, the last nothing like the first."""
    turns = np.linspace(0, np.pi / 2, 40)
    features = np.zeros((40, 50), np.float32)
    features[:, 0], features[:, 1] = np.cos(turns), np.sin(turns)
    groups = grouped(features)
    assert groups.max() >= 2
    for group in range(groups.max() + 1):
        members = unit(features[groups == group])
        assert (members @ members[0]).min() >= ALIKE - 1e-6


def test_thousands_of_copies_cost_no_comparison_with_each_other() -> None:
    features = np.repeat(different(2), 10_000, axis=0)
    compared = 0

    def read(rows: NDArray[np.intp]) -> Floats:
        nonlocal compared
        compared += len(rows)
        return features[rows]

    groups = near_groups(sketched(features), read, ALIKE)
    assert [int((groups == group).sum()) for group in (0, 1)] == [10_000, 10_000]
    assert compared < 3 * len(features)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_images(count: int) -> None:
    assert grouped(different(count)).tolist() == [-1] * count


def test_images_without_features_are_nobodys_duplicates() -> None:
    assert grouped(np.zeros((5, 30), np.float32)).tolist() == [-1] * 5
