"""A pool with all that an acquisition may look at, its labels told by a linear head."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from model_backend.acquisition import Candidates
from model_backend.acquisition.candidates import Floats

MakePool = Callable[..., Candidates]


@pytest.fixture
def make_pool() -> MakePool:
    """Makes a pool of some images; `order` puts its labels into another order."""

    def make(
        images: int = 40, labels: int = 4, width: int = 6, seed: int = 0, order: list[int] | None = None
    ) -> Candidates:
        random = np.random.default_rng(seed)
        features = random.normal(size=(images, width)).astype(np.float32)
        columns = list(range(labels)) if order is None else order
        head = random.normal(size=(width, labels)).astype(np.float32)[:, columns]

        def predict(mapped: Floats) -> Floats:
            logits = mapped.astype(float) @ head / width**0.5
            return np.asarray(1 / (1 + np.exp(-2 * logits)), dtype=np.float32)

        return Candidates(
            predict(features),
            features,
            answered=random.random(images) < 0.3,
            belief=random.random((images, labels)).astype(np.float32)[:, columns],
            mapped=features,
            predict=predict,
        )

    return make
