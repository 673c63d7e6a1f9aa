"""What holds of every acquisition, with all that it may look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model_backend.acquisition import ACQUISITIONS, Candidates, priority

MakePool = Callable[..., Candidates]


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_the_order_of_the_labels_does_not_matter(name: str, make_pool: MakePool) -> None:
    one, other = make_pool(images=60), make_pool(images=60, order=[2, 0, 3, 1])
    assert priority(name, one) == pytest.approx(priority(name, other), abs=1e-5)


@pytest.mark.parametrize("name", ACQUISITIONS)
@pytest.mark.parametrize("images", [1, 2, 30])
def test_scores_are_shares_and_the_same_for_the_same_seed(
    name: str, images: int, make_pool: MakePool
) -> None:
    candidates = make_pool(images=images)
    for pool in (candidates, replace(candidates, answered=None)):
        scores = priority(name, pool, seed=3)
        assert scores.shape == (images,)
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.array_equal(scores, priority(name, pool, seed=3))


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_images_that_are_all_alike_are_fine(name: str, make_pool: MakePool) -> None:
    candidates = make_pool(images=30)
    assert candidates.mapped is not None
    assert candidates.belief is not None
    alike = replace(
        candidates,
        probabilities=np.full_like(candidates.probabilities, 0.3),
        features=np.ones_like(candidates.mapped),
        mapped=np.ones_like(candidates.mapped),
        belief=np.full_like(candidates.belief, 0.3),
    )
    scores = priority(name, alike)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("name", ACQUISITIONS)
def test_no_images_and_no_labels_are_fine(name: str, make_pool: MakePool) -> None:
    assert priority(name, make_pool(images=0)).shape == (0,)
    assert priority(name, make_pool(labels=0)).tolist() == [0.0] * 40
