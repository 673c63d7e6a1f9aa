"""Judging by held-out tags."""

from __future__ import annotations

import pytest
import torch

from model_backend.errors import LearningError
from model_backend.training.selection import held_out, tag_auc, tag_rank


def test_a_fifth_of_the_tagged_images_is_hidden_whole() -> None:
    observed = torch.zeros(60, 3, dtype=torch.int8)
    observed[:50, 0], observed[:50, 2] = 1, -1
    split = held_out(observed, seed=0)
    assert len(split.rows) == 10
    assert (split.rows < 50).all()
    assert (split.observed[split.rows] == 0).all()
    assert (split.observed != 0).sum() == 80
    assert torch.equal(split.tags, observed[split.rows] > 0)
    assert torch.equal(split.rows, held_out(observed, seed=0).rows)


def test_too_few_tags_to_hold_out_are_refused() -> None:
    with pytest.raises(LearningError, match="at least ten"):
        held_out(torch.eye(9), seed=0)


def test_the_auc_is_the_share_of_pairs_in_order_averaged_over_labels() -> None:
    scores = torch.rand(20, 2, generator=torch.Generator().manual_seed(0))
    tags = torch.eye(2)[torch.arange(20) % 2] > 0
    each = []
    for label in range(2):
        yes, no = scores[tags[:, label], label], scores[~tags[:, label], label]
        each.append(float((yes[:, None] > no).float().mean()))
    assert tag_auc(scores, tags) == pytest.approx(sum(each) / 2)
    assert tag_auc(scores, torch.zeros(20, 2)) == 0.5


def test_the_rank_is_that_of_the_best_tag_with_ties_in_the_middle() -> None:
    scores = torch.tensor([[0.9, 0.5, 0.1], [0.2, 0.2, 0.2]])
    tags = torch.tensor([[0, 1, 1], [1, 0, 0]])
    assert tag_rank(scores, tags) == pytest.approx((1 / 2 + 1 / 2) / 2)
