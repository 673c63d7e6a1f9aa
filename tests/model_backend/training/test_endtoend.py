"""Fine-tuning from pixels."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from model_backend.errors import LearningError
from model_backend.estimators import Estimator, build_estimator
from model_backend.features.mapping import FeatureMap
from model_backend.training import Recipe
from model_backend.training.endtoend import EndToEndFit, LinearInit, augmented, fit_end_to_end
from model_backend.training.logistic import fit_sigmoid
from model_backend.training.supervision import Supervision

Problem = tuple[nn.Module, Tensor, Tensor]


class Tiny(nn.Module):
    """Mean and spread of a convolution's answers, after a batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.convolution, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.norm(self.convolution(images)).relu()
        return torch.cat([found.mean((2, 3)), found.amax((2, 3))], dim=1)


def problem(count: int = 48) -> Problem:
    """Label 0: the upper half is red; label 1: the lower half is blue."""
    random = torch.Generator().manual_seed(0)
    truth = torch.rand(count, 2, generator=random) < 0.5
    images = 0.2 * torch.rand(count, 3, 16, 16, generator=random)
    images[truth[:, 0], 0, :8] += 0.7
    images[truth[:, 1], 2, 8:] += 0.7
    torch.manual_seed(0)
    return Tiny(), images, torch.where(truth, 1, -1)


def tune(
    problem: Problem,
    recipe: Recipe | None = None,
    estimator: Estimator | None = None,
    propensity: Tensor | None = None,
    **settings: Any,
) -> EndToEndFit:
    backbone, images, observed = problem
    options = {"backbone_rate": 1e-2, "head_rate": 2e-2, "batch_statistics": True, "bf16": False} | settings
    return fit_end_to_end(
        backbone,
        lambda rows: images[rows],
        Supervision(observed, 1.0, propensity),
        replace(recipe or Recipe(loss="bce"), end_to_end_options=options),
        start=LinearInit(torch.zeros(16, 2), torch.zeros(2), FeatureMap.identity(16), estimator),
    )


def test_it_learns_from_pixels() -> None:
    backbone, images, observed = problem()
    fitted = tune((backbone, images, observed), epochs=8)
    assert fitted.losses[-1] < 0.5 * fitted.losses[0]
    with torch.no_grad():
        scores = fitted.backbone(images) @ fitted.weight + fitted.bias
    assert float(((scores > 0) == (observed > 0)).float().mean()) > 0.9
    assert fitted.images_per_second > 0


def test_the_backbone_stays_as_it_is_while_frozen_statistics_too() -> None:
    backbone, images, observed = problem()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    fitted = tune((backbone, images, observed), epochs=2, frozen=2)
    assert all(torch.equal(value, before[name]) for name, value in fitted.backbone.state_dict().items())
    assert not torch.equal(fitted.weight, torch.zeros(16, 2))


def test_unfrozen_every_parameter_is_in_the_optimiser_once_and_moves() -> None:
    backbone, images, observed = problem()
    before = [value.clone() for value in backbone.parameters()]
    fitted = tune((backbone, images, observed), epochs=3, frozen=1)
    moved = [not torch.equal(old, new) for old, new in zip(before, fitted.backbone.parameters(), strict=True)]
    assert all(moved)


@pytest.mark.parametrize("follows", [False, True])
def test_batch_norms_keep_their_statistics_unless_told_to_follow_each_batch(follows: bool) -> None:
    backbone, images, observed = problem()
    norm = backbone.get_submodule("norm")
    mean = norm.get_buffer("running_mean").clone()
    tune((backbone, images, observed), epochs=3, frozen=1, batch_statistics=follows)
    assert torch.equal(norm.get_buffer("running_mean"), mean) is not follows
    assert not norm.training, "it ends in evaluation mode"


def test_the_head_stays_where_it_fits_best_while_the_backbone_stands_still() -> None:
    """It starts where the linear training ended: at the optimum of the same loss and penalty."""
    backbone, images, observed = problem()
    with torch.no_grad():
        features = backbone.eval()(images)
    feature_map = FeatureMap.fit(features.numpy(), (16,), seed=0, kind="linear")
    mapped = torch.from_numpy(feature_map.transform(features.numpy()))
    recipe = Recipe(loss="bce", l2=5.0)
    options = {"epochs": 4, "frozen": 4, "smallest_crop": 1.0, "head_rate": 1e-3, "bf16": False}
    fitted = fit_sigmoid(mapped, (observed > 0).float(), recipe.l2 / len(images))
    start = LinearInit(*fitted, feature_map)
    ends = [
        fit_end_to_end(
            backbone,
            lambda rows: images[rows],
            Supervision(observed, 1.0, None),
            replace(recipe, l2=l2, end_to_end_options=options),
            start=start,
        )
        for l2 in (recipe.l2, 0.0)
    ]
    held, loose = (
        float((mapped @ fitted[0] - (features - features.mean(0)) @ end.weight).std()) for end in ends
    )
    assert held < 0.1
    assert loose > 2 * held


def test_seeds_give_the_same_result_twice() -> None:
    one, other = (tune(problem(), epochs=3) for _ in range(2))
    assert torch.equal(one.weight, other.weight)


def test_it_starts_from_the_linear_head_and_goes_on_with_its_estimator() -> None:
    backbone, images, observed = problem()
    known = observed.clamp(min=0)
    estimator = build_estimator("matrix", known)
    rows = torch.arange(len(images))
    before = estimator.probabilities(rows)
    fitted = tune((backbone, images, known), Recipe(loss="role"), estimator, epochs=2, head_rate=1e-5)
    assert fitted.weight.abs().max() < 1e-3
    assert not torch.equal(estimator.probabilities(rows), before)


def test_a_propensity_weighs_what_is_seldom_tagged_more() -> None:
    backbone, images, observed = problem()
    tags = observed.clamp(min=0)
    recipe = Recipe(loss="an")
    plain, weighed = (
        tune((copy.deepcopy(backbone), images, tags), recipe, propensity=given, epochs=3)
        for given in (None, torch.tensor([0.1, 1.0]))
    )
    with torch.no_grad():
        before, after = (
            (fitted.backbone(images) @ fitted.weight + fitted.bias).mean(dim=0) for fitted in (plain, weighed)
        )
    assert after[0] > before[0] + 0.1


def test_numbers_that_are_not_finite_stop_with_the_reason() -> None:
    backbone, images, observed = problem()
    with pytest.raises(LearningError, match="lower rates"):
        tune((backbone, images * float("nan"), observed))
    with pytest.raises(LearningError, match="Tag a few"):
        tune((backbone, images, torch.zeros_like(observed)))


def test_augmentation_keeps_shape_and_range_and_flips() -> None:
    images = torch.rand(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    changed = augmented(images, torch.Generator().manual_seed(1), 0.7)
    assert changed.shape == images.shape
    assert changed.min() >= 0
    assert changed.max() <= 1.0001
    ramp = torch.arange(8.0).expand(64, 3, 8, 8) / 8
    slope = augmented(ramp, torch.Generator().manual_seed(1), 0.7).diff(dim=3).mean((1, 2, 3))
    assert 16 < int((slope < 0).sum()) < 48
    whole = (images * 255).to(torch.uint8)
    assert 1 < augmented(whole, torch.Generator().manual_seed(1), 1.0).max() <= 255.01, "the range stays"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("bf16", [False, True])
def test_the_gpu_learns_from_pixels_too(bf16: bool) -> None:
    backbone, images, observed = problem()
    fitted = tune((backbone, images, observed), Recipe(loss="bce", device="cuda"), epochs=8, bf16=bf16)
    assert fitted.losses[-1] < 0.5 * fitted.losses[0]
    assert fitted.weight.device.type == "cpu"
