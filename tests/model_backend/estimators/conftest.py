"""A small pool for all estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.estimators import ESTIMATORS, Estimator, build_estimator

Draw = Callable[..., tuple[NDArray[np.int8], NDArray[np.float32]]]
Make = Callable[..., Estimator]


def draw(
    images: int = 40, labels: int = 6, seed: int = 0, features: int = 8
) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Observed (N, L) int8 with a tag on three images of four and a few negatives, and clustered features."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, labels, images)
    observed = np.zeros((images, labels), dtype=np.int8)
    observed[np.arange(images), (group + 1) % labels] = -(rng.random(images) < 0.2).astype(np.int8)
    tagged = rng.random(images) < 0.75
    observed[np.flatnonzero(tagged), group[tagged]] = 1
    centers = rng.normal(size=(labels, features)) * 3
    return observed, (centers[group] + rng.normal(size=(images, features))).astype(np.float32)


@pytest.fixture
def pool() -> Draw:
    """pool(images, labels, seed, features): observed and features."""
    return draw


@pytest.fixture
def make(device: str) -> Make:
    """make(name, observed, features, **options): an estimator on the device under test."""

    def build(name: str, observed: Any, features: Any, **options: Any) -> Estimator:
        return build_estimator(name, observed, features, device=device, **options)

    return build


@pytest.fixture(params=sorted(ESTIMATORS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
