"""Batches for all losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from model_backend.losses import LOSSES, Batch, Loss, build_loss

Make = Callable[..., Loss]
Problem = Callable[..., tuple[Tensor, Batch]]

OPTIONS: dict[str, dict[str, Any]] = {
    "pseudo-negative": {"count": 100},  # all unknown cells: nothing left to chance
    "ll-r": {"delta": 0.1},
    "ll-ct": {"delta": 0.1},
    "ll-cp": {"delta": 0.1},
}


def build(name: str, **options: Any) -> Loss:
    return build_loss(name, **{**OPTIONS.get(name, {}), **options})


def draw(
    images: int = 6,
    labels: int = 5,
    *,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    scale: float = 2.0,
    device: str = "cpu",
    **fields: Any,
) -> tuple[Tensor, Batch]:
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
def make() -> Make:
    """make(name, **options): a loss with options that leave nothing to chance and little to wait for."""
    return build


@pytest.fixture
def problem() -> Problem:
    """problem(images, labels, seed, dtype, scale, device, **fields of the batch): logits and a batch."""
    return draw


@pytest.fixture(params=sorted(LOSSES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)
