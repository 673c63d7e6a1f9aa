"""What is expected by the labels' names, beside the tags: mixed by hand, weighed by what it foretells."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from model_backend.training.expected import beliefs, with_expected

NAN = float("nan")


def one_hot(labels: list[int], count: int) -> Tensor:
    return torch.eye(count)[torch.tensor(labels)]


def test_without_a_name_that_maps_nothing_changes() -> None:
    shares, tags = torch.tensor([[0.7, 0.3]]), torch.tensor([[1.0, 0.0]])
    for nothing in (None, torch.full((1, 2), NAN)):
        mixed, own = with_expected(shares, tags, nothing)
        assert mixed is shares
        assert own == 1


def test_the_three_estimates_are_mixed_as_derived_by_hand() -> None:
    shares = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    expected = torch.tensor([[0.8, NAN, 0.1], [0.2, NAN, 0.3]])  # ratios 1.6, 0.4 and 0.5, 1.5
    tags = torch.tensor([[1.0, 0, 0], [0, 0, 0]])
    # On the first image its own tag is not counted: each label 1/3. On the second 2/4, 1/4, 1/4. The one tag
    # was expected, so that the first name is believed; belief in the last falls where it says less than 1.
    frequency = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [2 / 4, 1 / 4, 1 / 4]])
    ratio = torch.tensor([[1.6, 1.0, 0.5], [0.4, 1.0, 1.5]])
    ratio = ratio ** beliefs(frequency.log(), ratio.log(), tags)
    alone = torch.where(expected.isnan(), shares, frequency * ratio)
    both = shares * ratio**0.5
    estimates = torch.stack([shares, alone / alone.sum(1, keepdim=True), both / both.sum(1, keepdim=True)])
    first = estimates[:, 0, 0]
    weights = torch.full((3,), 1 / 3)
    for _ in range(1000):
        found = weights * first / (weights * first).sum()
        weights = (found + 1) / 4
    mixed, own = with_expected(shares, tags, expected)
    assert torch.allclose(mixed, (weights[:, None, None] * estimates).sum(0), atol=1e-5)
    assert own == pytest.approx(float(weights[0]), abs=1e-5)
    assert torch.allclose(mixed.sum(1), torch.ones(2))


def test_the_belief_in_a_name_is_the_minimum_of_its_loss() -> None:
    # One tag of the second label where the first was expected e^2 times as much as on average: with belief b,
    # the loss is log(e^(2b) + 1) + (b - 1)^2 / 2, whose slope 2 / (1 + e^(-2b)) + b - 1 is 0 once.
    low, high = -5.0, 5.0
    for _ in range(100):
        middle = (low + high) / 2
        slope = 2 / (1 + np.exp(-2 * middle)) + middle - 1
        low, high = (low, middle) if slope > 0 else (middle, high)
    found = beliefs(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 1.0]]))
    assert found.tolist() == pytest.approx([max(middle, 0.0), 1.0], abs=1e-3)


def test_a_name_is_believed_until_tags_speak_against_it() -> None:
    log_ratio = torch.tensor([[2.0, -2.0]] * 20)
    right, wrong = one_hot([0] * 20, 2), one_hot([1] * 20, 2)
    untagged = torch.zeros(20, 2)
    assert beliefs(untagged, log_ratio, untagged).tolist() == [1, 1]
    assert beliefs(untagged, log_ratio, right).tolist() == [1, 1]
    assert beliefs(untagged, log_ratio, wrong).tolist() == [0, 0]
    some = beliefs(untagged, log_ratio, wrong * (torch.arange(20) < 1)[:, None])
    assert bool(((some >= 0) & (some < 0.7)).all())


def test_an_image_does_not_see_its_own_tag() -> None:
    random = torch.Generator().manual_seed(0)
    shares = torch.rand(30, 3, generator=random)
    shares = shares / shares.sum(1, keepdim=True)
    expected = torch.rand(30, 3, generator=random)
    tags = one_hot([0, 1, 2] * 10, 3)
    changed = tags.clone()
    changed[4] = torch.tensor([0.0, 0.0, 1.0])
    same = torch.full((30, 3), 1 / 3)  # as likely either way: the weights do not move
    before, after = (with_expected(same, given, torch.ones(30, 3))[0] for given in (tags, changed))
    assert torch.allclose(before[4], after[4], atol=0.01)
    assert not torch.allclose(with_expected(shares, tags, expected)[0][5], shares[5], atol=0.01)


def test_what_names_expect_wins_early_and_is_overridden_where_tags_say_otherwise() -> None:
    truth = torch.arange(400) % 2
    hot = torch.eye(2)[truth]
    told = 0.9 * hot + 0.1 * (1 - hot)
    knows_nothing = torch.full((400, 2), 0.5)
    few = hot * (torch.arange(400) < 10)[:, None]
    mixed, _ = with_expected(knows_nothing, few, told)
    assert bool((mixed.argmax(1) == truth).all())
    mixed, _ = with_expected(told, hot, 1 - told)  # the tags' estimates are right, the names' wrong
    assert torch.allclose(mixed, told, atol=0.02)
