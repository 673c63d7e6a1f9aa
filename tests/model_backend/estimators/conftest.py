"""A small pool for all estimators, and the devices to run them on."""

import numpy as np
import pytest
import torch

from model_backend.estimators import ESTIMATORS, build_estimator


def _pool(images=40, labels=6, seed=0, features=8):
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
def pool():
    """pool(images, labels, seed, features): observed and features."""
    return _pool


@pytest.fixture
def make(device):
    """make(name, observed, features, **options): an estimator on the device under test."""

    def build(name, observed, features, **options):
        return build_estimator(name, observed, features, device=device, **options)

    return build


@pytest.fixture(params=sorted(ESTIMATORS))
def name(request):
    return request.param


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    return request.param
