"""What holds for every label estimator in the registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.estimators import ESTIMATORS, Estimator, SparseObservations, build_estimator, memory
from model_backend.losses import LOSSES, Batch, build_loss

Draw = Callable[..., tuple[NDArray[np.int8], NDArray[np.float32]]]
Make = Callable[..., Estimator]

TRAINED = sorted(name for name, entry in ESTIMATORS.items() if entry.trained)
OWN_PARAMETERS = {"matrix", "neighbours"}  # for each cell; the others share parameters between images
ALL = torch.arange(40)


def train(
    estimator: Estimator, features: NDArray[np.float32], steps: int = 10, seed: int = 0, k: float = 2.0
) -> None:
    """ROLE against a classifier that says everything is absent."""
    generator, loss = torch.Generator().manual_seed(seed), build_loss("role")
    count = estimator.observed.shape[0]
    inputs = torch.as_tensor(features)
    for _ in range(steps):
        rows = torch.randint(0, count, (16,), generator=generator)
        estimate = estimator.logits(rows, inputs[rows])
        batch = Batch(estimator.observed.rows(rows), rows, expected_positives=k, estimate=estimate)
        torch.autograd.backward(loss(torch.full_like(estimate, -3.0, requires_grad=True), batch))
        estimator.step(0.01)


def test_the_registry_says_what_each_estimator_is_and_where_it_is_from(name: str) -> None:
    entry = ESTIMATORS[name]
    assert entry.name == name
    assert 10 < len(entry.description) < 90
    assert len(entry.source) > 10
    assert inspect.getdoc(entry.build)


def test_mistakes_name_the_choices(pool: Draw) -> None:
    with pytest.raises(LearningError, match="Choose one of: matrix, lowrank, network, neighbours"):
        build_estimator("nothing", pool()[0])
    with pytest.raises(LearningError, match=r"no option depth.*rank"):
        build_estimator("lowrank", pool()[0], depth=3)
    for name in ("network", "neighbours"):
        with pytest.raises(LearningError, match="pool's features"):
            build_estimator(name, pool()[0])
    wrong: dict[str, dict[str, Any]] = {
        "lowrank": {"rank": 0},
        "network": {"hidden": 0},
        "neighbours": {"alpha": 1},
    }
    for name, options in wrong.items():
        with pytest.raises(LearningError):
            build_estimator(name, *pool(), **options)


def test_observed_cells_start_sure_or_likely_and_unknown_ones_undecided(
    name: str, make: Make, pool: Draw
) -> None:
    observed, features = pool()
    estimator = make(name, observed, features)
    estimated = estimator.probabilities(ALL, torch.as_tensor(features)).cpu().numpy()
    assert estimated.shape == observed.shape
    sure, off = (0.995, 1e-4) if name in OWN_PARAMETERS else (0.88, 0.15)
    assert estimated[observed == 1] == pytest.approx(sure, abs=off)
    assert estimated[observed == -1] == pytest.approx(1 - sure, abs=off)
    if name == "matrix":
        assert ((estimated[observed == 0] > 0.4) & (estimated[observed == 0] < 0.6)).all()
        assert estimated[observed == 0].std() == pytest.approx(0.2 / 12**0.5, rel=0.1)
    elif name != "neighbours":
        assert abs(estimated[observed == 0] - 0.5).max() < 0.35


def test_a_sparse_observed_matrix_serves_as_a_dense_one(name: str, make: Make, pool: Draw) -> None:
    observed, features = pool()
    images, labels = observed.nonzero()
    sparse = SparseObservations.from_triples(images, labels, observed[images, labels], (40, 6))
    given = torch.as_tensor(features)
    first, second = make(name, observed, features), make(name, sparse, features)
    assert torch.equal(first.probabilities(ALL, given), second.probabilities(ALL, given))


def test_a_seed_gives_the_same_estimator_again(name: str, make: Make, pool: Draw) -> None:
    observed, features = pool()
    results = []
    for seed in (1, 1, 2):
        estimator = make(name, observed, features, seed=seed)
        train(estimator, features)
        results.append(estimator.probabilities(ALL, torch.as_tensor(features)))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2]) == (name not in TRAINED)


@pytest.mark.parametrize("name", TRAINED)
def test_role_teaches_it_what_the_classifier_says(name: str, make: Make, pool: Draw) -> None:
    observed, features = pool()
    estimator, given = make(name, observed, features), torch.as_tensor(features)
    before = estimator.probabilities(ALL, given).cpu().numpy()
    train(estimator, features, steps=100)
    after = estimator.probabilities(ALL, given).cpu().numpy()
    assert after[observed == 0].mean() < before[observed == 0].mean() - 0.05
    assert after[observed == 1].mean() > after[observed == 0].mean() + 0.05


def test_a_frozen_estimator_gives_no_gradient_and_takes_no_step(make: Make, pool: Draw) -> None:
    observed, features = pool()
    estimator = make("neighbours", observed, features)
    assert not estimator.logits(ALL).requires_grad
    before = estimator.probabilities(ALL)
    train(estimator, features)
    assert torch.equal(estimator.probabilities(ALL), before)


@pytest.mark.parametrize("loss", sorted(name for name, entry in LOSSES.items() if entry.uses_estimate))
def test_any_loss_that_uses_an_estimator_takes_any(
    name: str, loss: str, make: Make, pool: Draw, device: str
) -> None:
    observed, features = pool()
    estimator = make(name, observed, features)
    rows = torch.tensor([3, 1, 4])
    classifier = torch.zeros(3, 6, device=device, requires_grad=True)
    estimate = estimator.logits(rows, torch.as_tensor(features)[rows])
    value = build_loss(loss)(classifier, Batch(estimator.observed.rows(rows), rows, estimate=estimate))
    torch.autograd.backward(value)
    estimator.step()
    assert classifier.grad is not None
    assert classifier.grad.abs().sum() > 0


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_leaves_images_outside_the_batch_alone(name: str, make: Make, pool: Draw) -> None:
    """For the network too, but for what they share."""
    observed, features = pool()
    estimator = make(name, observed, features)
    table = next(iter(estimator.tables().values()))
    before = table.values.clone()
    torch.autograd.backward(estimator.logits(torch.tensor([5, 9]), torch.as_tensor(features)[[5, 9]]).sum())
    estimator.step()
    changed = (table.values != before).any(1).nonzero().flatten().tolist()
    assert changed == [5, 9] if name != "network" else changed


def test_what_will_not_fit_is_refused_with_the_way_out(pool: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    observed, features = pool()
    monkeypatch.setattr(memory, "available_bytes", lambda device: 3_000)
    with pytest.raises(
        LearningError, match=r"matrix of 40 images x 6 labels needs .* 'lowrank' .* 'network'"
    ):
        build_estimator("matrix", observed)
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1_000)
    with pytest.raises(LearningError, match=r"'lowrank' or 'network'"):
        build_estimator("neighbours", observed, features)
    with pytest.raises(LearningError, match="a lower rank or the estimator 'network'"):
        build_estimator("lowrank", observed)
    build_estimator("network", observed, features)


def test_a_real_machine_refuses_a_million_images_by_ten_thousand_labels() -> None:
    count = 1_000_000
    tags = SparseObservations.from_triples(
        torch.arange(count), torch.zeros(count), torch.ones(count), (count, 10_000)
    )
    if memory.available_bytes(torch.device("cpu")) < 140e9:
        with pytest.raises(LearningError, match=r"111\.8 GiB"):
            build_estimator("matrix", tags)
    assert build_estimator("lowrank", tags, rank=2).logits(torch.tensor([999_999])).shape == (1, 10_000)


def test_free_memory_is_read_from_the_machine() -> None:
    assert 2**20 < memory.available_bytes(torch.device("cpu")) < 2**62


def test_the_network_says_which_features_it_needs(pool: Draw) -> None:
    observed, features = pool()
    estimator = build_estimator("network", observed, features)
    for given in (None, torch.zeros(3, 5)):
        with pytest.raises(LearningError, match=r"\(B, 8\)"):
            estimator.logits(torch.arange(3), given)


def test_a_feature_that_never_varies_does_no_harm(pool: Draw) -> None:
    observed, features = pool()
    features[:, 3] = 2.5
    estimator = build_estimator("network", observed, features)
    assert estimator.logits(ALL, torch.as_tensor(features)).isfinite().all()
