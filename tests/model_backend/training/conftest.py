"""A planted problem: labels that are linear in the features, and one tag an image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.simulation.picks import single_positives
from model_backend.training import Pool


def plant(
    images: int = 120, labels: int = 5, tagged: int | None = None, seed: int = 0
) -> tuple[Pool, NDArray[np.int8]]:
    """A pool of two feature blocks and its truth (N, L) of 0 and 1, every image with a label."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(images, 6))
    truth = (hidden @ random.normal(size=(6, labels)) > 1.0).astype(np.int8)
    truth[np.arange(images), random.integers(labels, size=images)] = 1
    mixing = random.normal(size=(6 + labels, 24))
    features = np.hstack([hidden, truth]) @ mixing + 0.1 * random.normal(size=(images, 24))
    observed = single_positives(truth, images if tagged is None else tagged, seed=seed)
    return Pool(features.astype(np.float32), (16, 8), observed), truth


@pytest.fixture
def planted() -> Callable[..., tuple[Pool, NDArray[np.int8]]]:
    """planted(images, labels, tagged, seed) -> pool, truth."""
    return plant
