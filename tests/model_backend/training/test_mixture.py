"""Weights of estimates by the tags that they foretell."""

from __future__ import annotations

import pytest
import torch

from model_backend.training.mixture import mixture_weights

TAGS = torch.eye(2)[torch.arange(100) % 2]
RIGHT, WRONG = 0.9 * TAGS + 0.1 * (1 - TAGS), 0.1 * TAGS + 0.9 * (1 - TAGS)
ESTIMATES = torch.stack([WRONG, RIGHT])


def test_weights_go_to_the_estimate_that_foretells_the_tags_the_more_tags_there_are() -> None:
    weights = mixture_weights(ESTIMATES, TAGS, torch.ones(2))
    assert weights[1] > 0.95
    few = mixture_weights(ESTIMATES, TAGS * (torch.arange(100) < 2)[:, None], torch.ones(2))
    assert 0.5 < few[1] < weights[1]


def test_without_tags_weights_are_those_of_the_assumed_ones() -> None:
    found = mixture_weights(ESTIMATES, torch.zeros(100, 2), torch.tensor([3.0, 1.0]))
    assert found.tolist() == pytest.approx([0.75, 0.25])


def test_weights_are_where_the_likelihood_with_the_assumed_tags_is_highest() -> None:
    random = torch.Generator().manual_seed(0)
    estimates = torch.rand(2, 60, 3, generator=random)
    estimates = estimates / estimates.sum(dim=2, keepdim=True)
    tags = torch.eye(3)[torch.randint(3, (60,), generator=random)]
    assumed = torch.tensor([2.0, 4.0])

    def value(first: float) -> float:
        weights = torch.tensor([first, 1 - first])
        foretold = sum(
            float(torch.log((weights * (estimates * tags).sum(dim=2)[:, row]).sum())) for row in range(60)
        )
        return foretold + float((assumed * weights.log()).sum())

    best = max((step / 1000 for step in range(1, 1000)), key=value)
    assert float(mixture_weights(estimates, tags, assumed)[0]) == pytest.approx(best, abs=2e-3)
