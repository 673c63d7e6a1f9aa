"""Any loss and any estimator on features that are there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.training import Pool, Recipe
from model_backend.training.choices import chosen_estimator
from model_backend.training.linear import LinearFit, fit_linear
from model_backend.training.selection import tag_auc
from model_backend.training.supervision import Supervision

Planted = Callable[..., tuple[Pool, NDArray[np.int8]]]


def quiet(_stage: str, _done: float) -> None:
    """No one watches."""


def train(
    pool: Pool, recipe: Recipe, observed: NDArray[np.int8] | None = None, propensity: Tensor | None = None
) -> tuple[Tensor, LinearFit]:
    features = torch.from_numpy(pool.features)
    features = features / features.square().sum(1).mean().sqrt()
    given = torch.from_numpy(pool.observed if observed is None else observed)
    return features, fit_linear(features, Supervision(given, 2.0, propensity), recipe, progress=quiet)


def test_with_every_label_known_bce_tells_present_from_absent(planted: Planted) -> None:
    pool, truth = planted(300)
    features, fitted = train(pool, Recipe(loss="bce"), (2 * truth - 1).astype(np.int8))
    assert tag_auc(fitted.heads[0].scores(features), torch.from_numpy(truth)) > 0.97


def test_a_softmax_over_tags_is_read_as_one_times_k(planted: Planted) -> None:
    pool, _ = planted(80, tagged=40)
    features, fitted = train(pool, Recipe(loss="Softmax", epochs=3))
    (head,) = fitted.heads
    expected = (2.0 * head.scores(features).softmax(dim=1)).clamp(max=1)
    assert torch.allclose(head(features), expected)


def test_images_without_observations_change_nothing(planted: Planted) -> None:
    pool, _ = planted(80, tagged=40)
    features, fitted = train(pool, Recipe(loss="an", epochs=3))
    known = np.flatnonzero((pool.observed != 0).any(axis=1))
    moved = pool.observed.copy()
    fewer = Supervision(torch.from_numpy(pool.observed[known]), 2.0)
    alone = fit_linear(features[known], fewer, Recipe(loss="an", epochs=3), progress=quiet)
    assert np.array_equal(moved, pool.observed)
    assert torch.allclose(fitted.heads[0].layers[0][0], alone.heads[0].layers[0][0], atol=1e-5)


def test_a_frozen_estimator_lets_untagged_images_take_part(planted: Planted) -> None:
    pool, _ = planted(80, tagged=20)
    _, fitted = train(pool, Recipe(loss="role", estimator="neighbours", epochs=2))
    assert fitted.estimated is not None
    assert fitted.estimated.shape == (80, 5)


def test_a_loss_without_use_for_an_estimator_refuses_one() -> None:
    assert chosen_estimator(Recipe(loss="role")) == "matrix"
    assert chosen_estimator(Recipe(loss="an")) is None
    with pytest.raises(LearningError, match="uses no estimator"):
        chosen_estimator(Recipe(loss="an", estimator="lowrank"))


@pytest.mark.parametrize(
    ("written", "meant"),
    [(("Softmax", None), ("softmax", None)), (("ROLE", "Neighbours"), ("role", "neighbours"))],
)
def test_capitals_in_names_change_nothing(
    planted: Planted, written: tuple[str, str | None], meant: tuple[str, str | None]
) -> None:
    pool, _ = planted(40, tagged=20)
    one, other = (
        train(pool, Recipe(loss=loss, estimator=estimator, epochs=2))[1]
        for loss, estimator in (written, meant)
    )
    assert torch.equal(one.heads[0].layers[0][0], other.heads[0].layers[0][0])


def test_a_propensity_weighs_what_is_seldom_tagged_more(planted: Planted) -> None:
    pool, _ = planted(100)
    seldom = torch.tensor([0.1, 1.0, 1.0, 1.0, 1.0])
    features, plain = train(pool, Recipe(loss="an"))
    _, weighed = train(pool, Recipe(loss="an"), propensity=seldom)
    before, after = plain.heads[0](features).mean(0), weighed.heads[0](features).mean(0)
    assert after[0] > before[0] + 0.05
    assert torch.allclose(after[1:], before[1:], atol=0.05)


def test_held_out_tags_stop_a_training_that_learns_nothing_more(planted: Planted) -> None:
    pool, _ = planted(100)
    random = np.random.default_rng(0).permutation(100)
    noise = pool.observed[random]
    _, fitted = train(pool, Recipe(loss="an", epochs=200, patience=3), noise)
    assert 4 <= fitted.epochs < 200


def test_a_loss_that_is_not_finite_stops_with_the_reason(planted: Planted) -> None:
    pool, _ = planted(20)
    with pytest.raises(LearningError, match="lower learning rate"):
        fit_linear(
            torch.full((20, 3), 1e30),
            Supervision(torch.from_numpy(pool.observed), 2.0),
            Recipe(loss="an", learning_rate=1e20),
            progress=quiet,
        )


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("loss", ["an", "role", "softmax"])
def test_the_gpu_learns_what_the_processor_learns(planted: Planted, loss: str) -> None:
    pool, truth = planted(200)
    features, on_cpu = train(pool, Recipe(loss=loss))
    _, on_gpu = train(pool, Recipe(loss=loss, device="cuda"))
    one, other = (tag_auc(fit.heads[0](features), torch.from_numpy(truth)) for fit in (on_cpu, on_gpu))
    assert one == pytest.approx(other, abs=0.03)
