"""The softmax over which label is tagged, and the penalty that the tags choose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from benchmarks.planted_sets import PLANTED_SETS, planted_set
from model_backend.features.mapping import FeatureMap
from model_backend.simulation.picks import single_positives
from model_backend.training.tag_head import (
    STRONGER,
    TEMPERATURES,
    USUAL,
    WEAKER,
    fit_tag_head,
    out_of_fold,
    smooth,
)


@pytest.fixture
def points() -> Tensor:
    return torch.randn(50, 4, generator=torch.Generator().manual_seed(0))


def test_an_image_does_not_see_its_own_tag_out_of_fold(points: Tensor) -> None:
    tags = torch.eye(3)[torch.arange(50) % 3]
    before = out_of_fold(points, tags, USUAL, seed=0)
    changed = tags.clone()
    changed[7] = torch.tensor([0.0, 0.0, 1.0])
    assert not torch.equal(tags[7], changed[7])
    after = out_of_fold(points, changed, USUAL, seed=0)
    assert torch.allclose(before[7], after[7], atol=1e-4)
    assert not torch.allclose(before, after, atol=1e-3)


def test_where_a_fit_starts_does_not_matter(points: Tensor) -> None:
    tags = torch.eye(3)[torch.arange(50) % 3]
    elsewhere = torch.ones(4, 3), torch.zeros(3)
    found, again = (out_of_fold(points, tags, USUAL, seed=0, start=start) for start in (None, elsewhere))
    assert torch.allclose(found.softmax(dim=1), again.softmax(dim=1), atol=1e-3)


def planted(kind: str, images: int) -> tuple[Tensor, Tensor]:
    """Mapped features and single tags of so many images of a planted set."""
    features, truth = planted_set(kind)
    mapped = FeatureMap.fit(features, (features.shape[1],), seed=0).transform(features[:images])
    observed = single_positives(truth[:images], images, seed=0)
    return torch.from_numpy(mapped), torch.from_numpy(observed).float()


def test_shared_tags_in_noise_ask_for_a_stronger_penalty_and_weak_directions_for_a_weaker_one() -> None:
    assert fit_tag_head(*planted("correlated", 600), seed=0).l2 in STRONGER
    assert fit_tag_head(*planted("unrelated", 600), seed=0).l2 in WEAKER


def test_few_tags_leave_the_usual_penalty() -> None:
    for kind in PLANTED_SETS:
        assert fit_tag_head(*planted(kind, 20), seed=0).l2 == USUAL


def test_the_shares_are_at_the_temperature_under_which_the_tags_are_likeliest() -> None:
    points, tags = planted("correlated", 300)
    head = fit_tag_head(points, tags, seed=0)
    scores = out_of_fold(points, tags, head.l2, seed=0)
    frequency = (tags.sum(dim=0) + 1).log()
    by_temperature = [(frequency + each * (scores - frequency)).softmax(dim=1) for each in TEMPERATURES]
    likeliest = max(by_temperature, key=lambda shares: float((shares.log() * tags).sum()))
    assert torch.allclose(head.shares, likeliest, atol=1e-3)


def test_the_shares_of_an_untagged_image_come_from_the_head_fitted_on_all_tags(points: Tensor) -> None:
    tags = torch.eye(3)[torch.arange(50) % 3] * (torch.arange(50) < 30)[:, None]
    head = fit_tag_head(points, tags, seed=0)
    assert torch.allclose(head.shares.sum(dim=1), torch.ones(50), atol=1e-5)
    weight, bias = head.layer
    scores, frequency = points[30:] @ weight + bias, (tags.sum(dim=0) + 1).log()
    found = [(frequency + each * (scores - frequency)).softmax(dim=1) for each in TEMPERATURES]
    assert any(torch.allclose(head.shares[30:], each, atol=1e-5) for each in found)


def test_one_tag_alone_gives_shares_too(points: Tensor) -> None:
    tags = torch.zeros(50, 3)
    tags[4, 1] = 1
    shares = fit_tag_head(points, tags, seed=0).shares
    assert torch.isfinite(shares).all()
    assert torch.allclose(shares.sum(dim=1), torch.ones(50), atol=1e-5)


def test_a_fifth_of_a_tag_is_spread_over_all_labels() -> None:
    assert smooth(torch.tensor([[1.0, 0.0]])).tolist() == [pytest.approx([0.9, 0.1])]
