"""The tag as a share of the labels present, where the held-out tags are likelier so than by a softmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.planted_sets import PLANTED_SETS, planted_set
from model_backend.features.mapping import FeatureMap
from model_backend.simulation.picks import single_positives
from model_backend.training.logistic import fit_shared
from model_backend.training.model import BELIEVED, Head
from model_backend.training.shared_head import shared_if_likelier
from model_backend.training.tag_head import TagHead, fit_tag_head, smooth


def planted(kind: str, images: int, tagged: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mapped features, single tags of the first images, and the truth, of a planted set."""
    features, truth = planted_set(kind)
    mapped = FeatureMap.fit(features, (features.shape[1],), seed=0).transform(features[:images])
    observed = np.zeros_like(truth[:images])
    observed[:tagged] = single_positives(truth[:tagged], tagged, seed=0)
    return torch.from_numpy(mapped), torch.from_numpy(observed).float(), torch.from_numpy(truth[:images])


def chosen(kind: str, images: int, tagged: int) -> tuple[TagHead, Tensor]:
    mapped, tags, truth = planted(kind, images, tagged)
    positives = float(truth.sum(dim=1).float().mean())
    return shared_if_likelier(fit_tag_head(mapped, tags, seed=0), mapped, tags, positives, seed=0), truth


def test_labels_that_come_together_share_the_tag_and_the_sum_tells_how_many_there_are() -> None:
    head, truth = chosen("correlated", 1200, 900)
    assert head.link == "shared"
    assert torch.allclose(head.shares.sum(dim=1), torch.ones(1200), atol=1e-5)
    counts = truth.sum(dim=1).float()
    for rows in (slice(0, 900), slice(900, 1200)):
        assert float(torch.corrcoef(torch.stack([head.more[rows, 0], counts[rows]]))[0, 1]) > 0.5


def test_the_tags_are_likelier_by_it_or_the_softmax_stays() -> None:
    mapped, tags, _ = planted("correlated", 900, 900)
    softmax = fit_tag_head(mapped, tags, seed=0)
    shared = shared_if_likelier(softmax, mapped, tags, 3.2, seed=0)
    assert float((shared.shares.log() * tags).sum()) == pytest.approx(shared.likelihood, rel=1e-4)
    assert shared.likelihood > softmax.likelihood
    assert shared.l2 == softmax.l2, "what is trained to soft labels keeps its penalty"


@pytest.mark.parametrize("kind", PLANTED_SETS)
def test_few_tags_leave_the_softmax(kind: str) -> None:
    head, _ = chosen(kind, 300, 20)
    assert head.link == "softmax"
    assert torch.equal(head.more, torch.ones(300, 1))


def test_one_tag_alone_cannot_be_held_out() -> None:
    head, _ = chosen("correlated", 300, 1)
    assert head.link == "softmax"


def test_an_image_does_not_see_its_own_tag() -> None:
    mapped, tags, _ = planted("correlated", 900, 900)
    softmax = fit_tag_head(mapped, tags, seed=0)
    before = shared_if_likelier(softmax, mapped, tags, 3.2, seed=0)
    changed = tags.clone()
    changed[7] = tags[7].roll(1)
    after = shared_if_likelier(softmax, mapped, changed, 3.2, seed=0)
    # Only the labels' frequencies, around which scores are flattened, have heard of it.
    assert torch.allclose(before.shares[7], after.shares[7], atol=0.02)
    assert torch.allclose(before.more[7], after.more[7], atol=0.02)


def test_the_sigmoids_sum_to_k_on_average_and_their_shares_foretell_the_tags() -> None:
    points, tags = torch.eye(4).repeat(30, 1), torch.eye(4).repeat(30, 1)
    weight, bias = fit_shared(points, smooth(tags), 0.0, 1.1)
    present = (points @ weight + bias).sigmoid()
    assert float(present.sum(dim=1).mean()) == pytest.approx(1.1, abs=0.02)
    shares = present / present.sum(dim=1, keepdim=True)
    assert torch.allclose(shares, smooth(tags), atol=0.01)


def test_a_shared_head_gives_k_shares_times_a_power_of_how_many_labels_it_sees() -> None:
    head = Head(((torch.eye(3), torch.zeros(3)),), link="shared", positives=2.0)
    present = torch.tensor([[0.2, 0.3, 0.1]])
    found = head(present.logit())
    wanted = 2.0 * present / 0.6 * (0.6 / 2.0) ** BELIEVED
    assert torch.allclose(found, wanted.clamp(max=1))
    assert float(head(torch.tensor([[9.0, -90.0, -90.0]])).max()) == 1.0
