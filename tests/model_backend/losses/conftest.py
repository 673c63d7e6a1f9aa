"""Batches for all losses, and the devices to run them on."""

import numpy as np
import pytest
import torch

from model_backend.losses import LOSSES, Batch, build_loss

OPTIONS = {
    "pseudo-negative": {"count": 100},  # all unknown cells: nothing left to chance
    "ll-r": {"delta": 0.1},
    "ll-ct": {"delta": 0.1},
    "ll-cp": {"delta": 0.1},
}


def _make(name, **options):
    return build_loss(name, **{**OPTIONS.get(name, {}), **options})


def _problem(images=6, labels=5, seed=0, dtype=torch.float64, scale=2.0, device="cpu", **fields):
    """Random logits and a batch with rows of every kind: empty, one tag, all observed, mixed."""
    rng = np.random.default_rng(seed)
    observed = rng.choice([-1, 0, 1], size=(images, labels), p=[0.2, 0.5, 0.3])
    observed[0] = 0
    observed[min(1, images - 1)] = np.eye(labels, dtype=int)[seed % labels]
    if images > 3:
        observed[2] = rng.choice([-1, 1], size=labels)
        observed[3] = -1
    logits = torch.tensor(rng.normal(size=(images, labels)) * scale, dtype=dtype, device=device)
    estimate = torch.tensor(rng.normal(size=(images, labels)), dtype=dtype, device=device)
    given = {"epoch": 1, "epochs": 10, "expected_positives": 1.7, "estimate": estimate, **fields}
    batch = Batch(torch.tensor(observed, device=device), torch.arange(images, device=device), **given)
    return logits, batch


@pytest.fixture
def make():
    """make(name, **options): a loss with options that leave nothing to chance and little to wait for."""
    return _make


@pytest.fixture
def problem():
    """problem(images, labels, seed, dtype, scale, device, **fields of the batch): logits and a batch."""
    return _problem


@pytest.fixture(params=sorted(LOSSES))
def name(request):
    return request.param


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA GPU here")
    return request.param
