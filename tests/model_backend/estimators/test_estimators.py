"""What holds for every label estimator in the registry."""

import inspect

import numpy as np
import pytest
import torch

from model_backend.errors import LearningError
from model_backend.estimators import ESTIMATORS, ObservedMatrix, build_estimator, memory
from model_backend.losses import LOSSES, Batch, build_loss

TRAINED = sorted(name for name, entry in ESTIMATORS.items() if entry.trained)
OWN_BELIEF = {"matrix", "neighbours"}  # of each cell; the others share parameters between images
ALL = torch.arange(40)


def train(estimator, features, steps=10, seed=0, k=2.0):
    """ROLE against a classifier that says everything is absent."""
    generator, loss = torch.Generator().manual_seed(seed), build_loss("role")
    count = estimator.observed.shape[0]
    inputs = torch.as_tensor(features)
    for _ in range(steps):
        rows = torch.randint(0, count, (16,), generator=generator)
        estimate = estimator.logits(rows, inputs[rows])
        batch = Batch(estimator.observed.rows(rows), rows, expected_positives=k, estimate=estimate)
        loss(torch.full_like(estimate, -3.0, requires_grad=True), batch).backward()
        estimator.step(0.01)


def test_the_registry_says_what_each_estimator_is_and_where_it_is_from(name):
    entry = ESTIMATORS[name]
    assert entry.name == name
    assert 10 < len(entry.description) < 90
    assert len(entry.source) > 10
    assert inspect.getdoc(entry.build)


def test_mistakes_name_the_choices(pool):
    with pytest.raises(LearningError, match="Choose one of: matrix, lowrank, network, neighbours"):
        build_estimator("nothing", pool()[0])
    with pytest.raises(LearningError, match=r"no option depth.*rank"):
        build_estimator("lowrank", pool()[0], depth=3)
    for name in ("network", "neighbours"):
        with pytest.raises(LearningError, match="pool's features"):
            build_estimator(name, pool()[0])
    for name, options in (("lowrank", {"rank": 0}), ("network", {"hidden": 0}), ("neighbours", {"alpha": 1})):
        with pytest.raises(LearningError):
            build_estimator(name, *pool(), **options)


def test_observed_cells_start_sure_or_likely_and_unknown_ones_undecided(name, make, pool):
    observed, features = pool()
    estimator = make(name, observed, features)
    belief = estimator.probabilities(ALL, torch.as_tensor(features)).cpu().numpy()
    assert belief.shape == observed.shape
    sure, off = (0.995, 1e-4) if name in OWN_BELIEF else (0.88, 0.15)
    assert belief[observed == 1] == pytest.approx(sure, abs=off)
    assert belief[observed == -1] == pytest.approx(1 - sure, abs=off)
    if name == "matrix":
        assert ((belief[observed == 0] > 0.4) & (belief[observed == 0] < 0.6)).all()
        assert belief[observed == 0].std() == pytest.approx(0.2 / 12**0.5, rel=0.1)
    elif name != "neighbours":
        assert abs(belief[observed == 0] - 0.5).max() < 0.35


def test_a_sparse_observed_matrix_serves_as_a_dense_one(name, make, pool):
    observed, features = pool()
    images, labels = observed.nonzero()
    sparse = ObservedMatrix.from_triples(images, labels, observed[images, labels], observed.shape)
    given = torch.as_tensor(features)
    first, second = make(name, observed, features), make(name, sparse, features)
    assert torch.equal(first.probabilities(ALL, given), second.probabilities(ALL, given))


def test_a_seed_gives_the_same_estimator_again(name, make, pool):
    observed, features = pool()
    results = []
    for seed in (1, 1, 2):
        estimator = make(name, observed, features, seed=seed)
        train(estimator, features)
        results.append(estimator.probabilities(ALL, torch.as_tensor(features)))
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2]) == (name not in TRAINED)


@pytest.mark.parametrize("name", TRAINED)
def test_role_teaches_it_what_the_classifier_says(name, make, pool):
    observed, features = pool()
    estimator, given = make(name, observed, features), torch.as_tensor(features)
    before = estimator.probabilities(ALL, given).cpu().numpy()
    train(estimator, features, steps=100)
    after = estimator.probabilities(ALL, given).cpu().numpy()
    assert after[observed == 0].mean() < before[observed == 0].mean() - 0.05
    assert after[observed == 1].mean() > after[observed == 0].mean() + 0.05


def test_a_frozen_estimator_gives_no_gradient_and_takes_no_step(make, pool):
    observed, features = pool()
    estimator = make("neighbours", observed, features)
    assert not estimator.logits(ALL).requires_grad
    before = estimator.probabilities(ALL)
    train(estimator, features)
    assert torch.equal(estimator.probabilities(ALL), before)


@pytest.mark.parametrize("loss", sorted(name for name, entry in LOSSES.items() if entry.uses_estimate))
def test_any_loss_that_uses_an_estimator_takes_any(name, loss, make, pool, device):
    observed, features = pool()
    estimator = make(name, observed, features)
    rows = torch.tensor([3, 1, 4])
    classifier = torch.zeros(3, 6, device=device, requires_grad=True)
    estimate = estimator.logits(rows, torch.as_tensor(features)[rows])
    value = build_loss(loss)(classifier, Batch(estimator.observed.rows(rows), rows, estimate=estimate))
    value.backward()
    estimator.step()
    assert classifier.grad.abs().sum() > 0


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_leaves_images_outside_the_batch_alone(name, make, pool):
    """For the network too, but for what they share."""
    observed, features = pool()
    estimator = make(name, observed, features)
    table = next(iter(estimator.tables().values()))
    before = table.values.clone()
    estimator.logits(torch.tensor([5, 9]), torch.as_tensor(features)[[5, 9]]).sum().backward()
    estimator.step()
    changed = (table.values != before).any(1).nonzero().flatten().tolist()
    assert changed == [5, 9] if name != "network" else changed


def grown_pool(observed, features):
    """Two images and a label more, a new answer, and one taken back."""
    more = np.pad(observed, ((0, 2), (0, 1)))
    known, unknown = np.argwhere(observed == 1)[0], np.argwhere(observed == 0)[-1]
    more[tuple(known)], more[tuple(unknown)], more[41, 6] = 0, 1, 1
    return more, np.concatenate((features, features[:2] + 0.1)), tuple(known), tuple(unknown)


def logit(probability):
    return np.log(probability) - np.log1p(-probability)


def assert_heeded(name, before, after, added, retracted):
    """A new answer counts at once and one that was taken back no more."""
    if name in OWN_BELIEF:
        assert after[added] == pytest.approx(0.995, abs=1e-4)
        assert after[retracted] < 0.95
    else:
        assert logit(after[added]) == pytest.approx(logit(before[added]) + 2, abs=1e-3)
        assert logit(after[retracted]) == pytest.approx(logit(before[retracted]) - 2, abs=1e-3)


def test_it_grows_with_images_labels_and_answers_and_keeps_what_it_learned(name, make, pool):
    observed, features = pool()
    estimator = make(name, observed, features)
    train(estimator, features)
    before = estimator.probabilities(ALL, torch.as_tensor(features)).cpu().numpy()
    more, wide, retracted, added = grown_pool(observed, features)
    estimator.grow(ObservedMatrix.of(more), torch.as_tensor(wide))
    after = estimator.probabilities(torch.arange(42), torch.as_tensor(wide)).cpu().numpy()
    assert after.shape == (42, 7)
    assert_heeded(name, before, after, added, retracted)
    if name in TRAINED:
        same = (more[:40, :6] == observed).nonzero()
        assert after[same] == pytest.approx(before[same], abs=1e-6)
    train(estimator, wide)


def test_it_does_not_shrink(name, make, pool):
    observed, features = pool()
    with pytest.raises(LearningError, match="keep removed images and labels"):
        make(name, observed, features).grow(ObservedMatrix.of(observed[:, :5]), torch.as_tensor(features))


def test_neighbours_take_new_answers_without_the_features(make, pool):
    observed, features = pool()
    estimator = make("neighbours", observed, features)
    more = observed.copy()
    more[np.argwhere(~(observed == 1).any(1))[0, 0], 0] = 1
    estimator.grow(ObservedMatrix.of(more))
    fresh = make("neighbours", more, features)
    assert torch.allclose(estimator.probabilities(ALL), fresh.probabilities(ALL))
    with pytest.raises(LearningError, match="all 41 images"):
        estimator.grow(ObservedMatrix.of(np.pad(more, ((0, 1), (0, 0)))))


def test_training_goes_on_from_a_state_as_if_it_had_not_stopped(name, make, pool):
    observed, features = pool()
    whole, half = make(name, observed, features), make(name, observed, features)
    train(whole, features)
    train(half, features)
    state = half.state_dict()
    assert all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    resumed = make(name, observed, features, seed=9)
    resumed.load_state_dict(state)
    train(whole, features, seed=1)
    train(half, features, seed=1)  # the state is a copy: this does not reach it
    train(resumed, features, seed=1)
    given = torch.as_tensor(features)
    assert torch.equal(resumed.probabilities(ALL, given), whole.probabilities(ALL, given))


def test_a_state_of_a_smaller_pool_is_grown_to_the_present_one(name, make, pool):
    observed, features = pool()
    old = make(name, observed, features)
    train(old, features)
    more, wide, retracted, added = grown_pool(observed, features)
    new = make(name, more, wide)
    new.load_state_dict(old.state_dict())
    assert torch.equal(new.observed.dense(), torch.as_tensor(more).to(new.observed.dense().device))
    belief = new.probabilities(torch.arange(42), torch.as_tensor(wide)).cpu().numpy()
    assert belief.shape == (42, 7)
    before = old.probabilities(ALL, torch.as_tensor(features)).cpu().numpy()
    assert_heeded(name, before, belief, added, retracted)
    if name in TRAINED:
        same = (more[:40, :6] == observed).nonzero()
        assert belief[same] == pytest.approx(before[same], abs=1e-6)


def test_it_moves_to_another_device(name, pool, device):
    observed, features = pool()
    moved = build_estimator(name, observed, features).to(device)
    train(moved, features)
    assert moved.logits(ALL, torch.as_tensor(features)).device.type == device


def test_what_will_not_fit_is_refused_with_the_way_out(pool, monkeypatch):
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


def test_a_real_machine_refuses_a_million_images_by_ten_thousand_labels():
    count = 1_000_000
    tags = ObservedMatrix.from_triples(
        torch.arange(count), torch.zeros(count), torch.ones(count), (count, 10_000)
    )
    if memory.available_bytes(torch.device("cpu")) < 140e9:
        with pytest.raises(LearningError, match=r"111\.8 GiB"):
            build_estimator("matrix", tags)
    assert build_estimator("lowrank", tags, rank=2).logits(torch.tensor([999_999])).shape == (1, 10_000)


def test_free_memory_is_read_from_the_machine():
    assert 2**20 < memory.available_bytes(torch.device("cpu")) < 2**62


def test_the_network_says_which_features_it_needs(pool):
    observed, features = pool()
    estimator = build_estimator("network", observed, features)
    for given in (None, torch.zeros(3, 5)):
        with pytest.raises(LearningError, match=r"\(B, 8\)"):
            estimator.logits(torch.arange(3), given)
    other = build_estimator("network", observed, features[:, :5])
    with pytest.raises(LearningError, match="8 features an image, the pool has 5"):
        other.load_state_dict(estimator.state_dict())


def test_a_feature_that_never_varies_does_no_harm(pool):
    observed, features = pool()
    features[:, 3] = 2.5
    estimator = build_estimator("network", observed, features)
    assert estimator.logits(ALL, torch.as_tensor(features)).isfinite().all()
