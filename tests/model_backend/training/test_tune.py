"""Tuning from pixels: linear-init, every loss and estimator, and the finished version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from model_backend.errors import LearningError
from model_backend.estimators import ESTIMATORS
from model_backend.features.mapping import FeatureMap
from model_backend.losses import LOSSES
from model_backend.training import LabelModel, Pool, Recipe, Tuned, check_choices, fit_tuned, tune
from model_backend.training.choices import END_TO_END_LOSS, resolved
from model_backend.training.endtoend import EndToEndSettings
from model_backend.training.linear import fit_linear
from model_backend.training.supervision import Supervision

IMAGES = 21
QUICK: dict[str, Any] = {"epochs": 2, "frozen": 1, "batch": 8, "bf16": False}
CHOICES = [(loss, None) for loss in LOSSES] + [(None, estimator) for estimator in ESTIMATORS]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for one another are slow on a busy machine, and these batches are tiny."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Tiny(nn.Module):
    """Mean and largest answers of a convolution, after a batch norm; dropout draws from torch's generator."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm, self.dropout = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.2)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.norm(self.convolution(images.float() / 255)).relu()
        answers: Tensor = self.dropout(torch.cat([found.mean((2, 3)), found.amax((2, 3))], dim=1))
        return answers


class Problem:
    """Images whose upper half is red (label 0), or lower half is blue (1), or both; one label is tagged."""

    def __init__(self, count: int = IMAGES, tagged: int = IMAGES) -> None:
        random = np.random.default_rng(0)
        truth = random.random((count, 3)) < 0.5
        truth[~truth.any(axis=1), 2] = True
        pixels = random.integers(0, 50, (count, 3, 12, 12), dtype=np.uint8)
        pixels[truth[:, 0], 0, :6] += 180
        pixels[truth[:, 1], 2, 6:] += 180
        self.pixels = torch.from_numpy(pixels)
        self.truth = truth
        self.observed = np.zeros((count, 3), np.int8)
        self.observed[np.arange(tagged), truth[:tagged].argmax(axis=1)] = 1
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.module = Tiny().eval()
        self.asked: list[int] = []

    def read(self, rows: Tensor) -> Tensor:
        self.asked += rows.tolist()
        return self.pixels[rows]

    def pool(self, module: nn.Module | None = None) -> Pool:
        with torch.inference_mode():
            features = (module or self.module)(self.pixels)
        return Pool(features.numpy(), (8,), self.observed)

    def tune(self, recipe: Recipe | None = None, **options: Any) -> Tuned:
        chosen = recipe or Recipe(epochs=2, least_steps=4, end_to_end=True, end_to_end_options=QUICK)
        return tune(self.module, self.read, self.pool(), chosen, **options)


def recipe(loss: str | None = None, estimator: str | None = None, **options: Any) -> Recipe:
    end_to_end = QUICK | options
    return Recipe(
        loss, estimator, epochs=2, least_steps=4, end_to_end=True, end_to_end_options=end_to_end, seed=3
    )


@pytest.mark.parametrize(("loss", "estimator"), CHOICES)
def test_every_loss_and_estimator_trains_end_to_end_and_seeds_give_the_same_twice(
    loss: str | None, estimator: str | None
) -> None:
    one, other = (Problem().tune(recipe(loss, estimator), expected_positives=1.4) for _ in range(2))
    assert all(np.isfinite(one.losses))
    assert torch.equal(one.head.layers[0][0], other.head.layers[0][0])
    for value, same in zip(one.module.parameters(), other.module.parameters(), strict=True):
        assert torch.equal(value, same)
    assert (one.estimated is not None) == resolved_uses_estimate(loss, estimator)
    if one.estimated is not None:
        assert one.estimated.shape == (IMAGES, 3)
        assert other.estimated is not None
        assert torch.equal(one.estimated, other.estimated)


def resolved_uses_estimate(loss: str | None, estimator: str | None) -> bool:
    return estimator is not None or (loss is not None and LOSSES[loss].uses_estimate)


def test_without_a_name_the_loss_is_em_and_an_estimator_alone_means_role() -> None:
    assert resolved(recipe()).loss == END_TO_END_LOSS == "em"
    assert resolved(recipe(None, "lowrank")).loss == "role"
    assert resolved(Recipe()).loss is None
    named, unnamed = Problem().tune(recipe("em")), Problem().tune(recipe())
    assert torch.equal(named.head.layers[0][0], unnamed.head.layers[0][0])


def test_the_backbone_learns_and_the_given_one_stays_as_it_was() -> None:
    problem = Problem()
    before = {name: value.clone() for name, value in problem.module.state_dict().items()}
    tuned = problem.tune()
    assert all(torch.equal(value, before[name]) for name, value in problem.module.state_dict().items())
    assert not torch.equal(tuned.module.state_dict()["convolution.weight"], before["convolution.weight"])
    assert not tuned.module.training


def test_a_folded_head_says_of_raw_features_what_it_said_of_mapped_ones() -> None:
    random = np.random.default_rng(0)
    features = (5 + 3 * random.normal(size=(50, 8))).astype(np.float32)
    weight, bias = torch.randn(8, 4), torch.randn(4)
    linear = FeatureMap.fit(features, (8,), seed=0, kind="linear")
    said = torch.from_numpy(linear.transform(features)) @ weight + bias
    folded, shifted = linear.fold(weight, bias)
    assert torch.allclose(torch.from_numpy(features) @ folded + shifted, said, atol=1e-4)
    with pytest.raises(LearningError, match="linear map"):
        FeatureMap.fit(features, (8,), seed=0, kind="kernel").fold(weight, bias)


def test_it_starts_from_the_linear_head() -> None:
    still = recipe("an", epochs=1, head_rate=1e-9)
    problem = Problem()
    pool = problem.pool()
    linear_map = FeatureMap.fit(pool.features, pool.blocks, seed=still.seed, kind="linear")
    mapped, observed = torch.from_numpy(linear_map.transform(pool.features)), torch.from_numpy(pool.observed)
    supervision = Supervision(observed, 1.0)
    (head,) = fit_linear(mapped, supervision, still, progress=lambda *_: None).heads
    assert head.scores(mapped).abs().max() > 0.1
    started = problem.tune(still).head.scores(torch.from_numpy(pool.features))
    assert torch.allclose(started, head.scores(mapped), atol=1e-4)


def test_a_propensity_is_checked_and_changes_what_is_learned() -> None:
    plain = Problem().tune(recipe("an"))
    weighed = Problem().tune(recipe("an"), propensity=np.array([0.1, 1, 1]))
    assert not torch.equal(plain.head.layers[0][0], weighed.head.layers[0][0])
    with pytest.raises(LearningError, match="3 chances"):
        Problem().tune(recipe("an"), propensity=np.array([0.1, 1]))


def test_it_tells_labels_apart() -> None:
    problem = Problem(60, 60)
    longer = recipe("an", epochs=12, head_rate=2e-2, backbone_rate=5e-3)
    tuned = problem.tune(longer)
    vectors = fit_tuned(problem.pool(tuned.module), tuned, longer).probabilities
    for label in (0, 1):
        present = problem.truth[:, label]
        assert vectors[present, label].mean() > vectors[~present, label].mean() + 0.2


def test_only_images_with_observations_that_can_be_read_are_asked_for() -> None:
    problem = Problem(tagged=10)
    readable = np.ones(IMAGES, dtype=bool)
    readable[:3] = False
    problem.tune(recipe("an"), readable=readable)
    assert set(problem.asked) == set(range(3, 10))


def test_one_image_alone_is_enough() -> None:
    problem = Problem(tagged=1)
    assert np.isfinite(problem.tune(recipe("an")).losses).all()


def test_the_finished_version_predicts_what_it_stored_and_reloads(tmp_path: Any) -> None:
    problem = Problem()
    tuned = problem.tune(recipe())
    pool = problem.pool(tuned.module)
    fitted = fit_tuned(pool, tuned, recipe())
    fitted.model.save(tmp_path)
    loaded = LabelModel.load(tmp_path)
    assert loaded.recipe == recipe()
    assert np.array_equal(loaded.predict(pool.features), fitted.probabilities)
    assert fitted.metrics["tagged"] == IMAGES
    assert len(fitted.metrics["epoch_losses"]) == 2


def test_what_the_estimator_estimated_enters_the_vectors_and_follows_a_smaller_pool() -> None:
    problem = Problem()
    tuned = problem.tune(recipe(None, "network"))
    pool = problem.pool(tuned.module)
    whole = fit_tuned(pool, tuned, recipe())
    assert not np.array_equal(whole.probabilities, whole.model.predict(pool.features))
    rows = np.array([0, 4, 7])
    part = fit_tuned(Pool(pool.features[rows], (8,), pool.observed[rows]), tuned.at(rows), recipe())
    assert np.allclose(part.probabilities, whole.probabilities[rows], atol=1e-6)


def test_nothing_tagged_is_refused_with_what_to_do() -> None:
    with pytest.raises(LearningError, match="Tag a few images"):
        Problem(tagged=0).tune()


def test_a_watcher_is_told_of_every_step_and_can_end_it() -> None:
    told = []
    Problem().tune(recipe("an"), progress=lambda stage, done: told.append((stage, done)))
    steps = [stage for stage, _ in told if stage.startswith("end to end")]
    assert steps == 3 * ["end to end, epoch 1 of 2"] + 3 * ["end to end, epoch 2 of 2"]
    assert all(0 <= done <= 1 for _, done in told)

    def stop(stage: str, _done: float) -> None:
        if stage.startswith("end to end"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Problem().tune(recipe("an"), progress=stop)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"speed": 1}, r"no option speed\. Its options: epochs, frozen, batch"),
        ({"epochs": 0}, "epochs must be above 0"),
        ({"smallest_crop": 1.5}, "smallest_crop is at most 1"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(options: dict[str, Any], told: str) -> None:
    with pytest.raises(LearningError, match=told):
        EndToEndSettings.of(options)
    with pytest.raises(LearningError, match=told):
        check_choices(Recipe(end_to_end=True, end_to_end_options=options))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("loss", [None, "role", "em-apl", "pseudo-negative"])
def test_the_gpu_tunes_too_and_the_same_twice(loss: str | None) -> None:
    chosen = recipe(loss)
    on_gpu = Recipe(**(chosen.to_dict() | {"device": "cuda"}))
    one, other = (Problem().tune(on_gpu) for _ in range(2))
    assert torch.equal(one.head.layers[0][0], other.head.layers[0][0])
    assert next(one.module.parameters()).device.type == "cpu"
