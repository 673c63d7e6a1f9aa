"""Coverage and uncertainty in turns, in shares that change with the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_backend.acquisition import Candidates, priority
from model_backend.acquisition.combined import WEIGHTS, combined, in_shares, ranks, uncertainty_share
from model_backend.acquisition.typical import typical_first

MakePool = Callable[..., Candidates]
SCORES = st.lists(st.integers(0, 5), min_size=2, max_size=12)


@given(SCORES)
def test_a_rank_is_the_share_of_the_others_that_are_lower_equal_ones_half(scores: list[int]) -> None:
    expected = [
        sum((other < one) + (other == one) / 2 for at, other in enumerate(scores) if at != place)
        / (len(scores) - 1)
        for place, one in enumerate(scores)
    ]
    assert ranks(np.array(scores, dtype=float)).tolist() == pytest.approx(expected)


@given(SCORES, st.floats(0.05, 0.95))
def test_each_order_gives_its_share_of_the_first_images(scores: list[int], share: float) -> None:
    one = np.arange(400, dtype=float)
    other = np.random.default_rng(sum(scores)).permutation(400).astype(float)
    asked = np.argsort(-in_shares([one, other], [1 - share, share], np.ones(400, dtype=bool)))[:40]
    reach = [np.flatnonzero(np.isin(np.argsort(-each), asked, invert=True))[0] for each in (one, other)]
    assert reach[0] >= np.floor(40 * (1 - share)) - 1
    assert reach[1] >= np.floor(40 * share) - 1


@pytest.mark.parametrize(("answered", "expected"), [(0, 0.0), (40, 0.5), (120, 0.75)])
def test_uncertainty_gives_half_of_the_images_after_ten_answers_a_label(
    answered: int, expected: float
) -> None:
    rows = np.arange(200) < answered
    candidates = Candidates(np.full((200, 4), 0.5, np.float32), answered=rows)
    assert uncertainty_share(candidates) == pytest.approx(expected)


def test_before_any_answer_it_is_what_is_typical(make_pool: MakePool) -> None:
    candidates = replace(make_pool(images=60), answered=None)
    assert np.array_equal(np.argsort(combined(candidates, 3)), np.argsort(typical_first(candidates, 3)))


def test_with_many_answers_the_first_are_the_most_uncertain(make_pool: MakePool) -> None:
    candidates = make_pool(images=1000, labels=1)
    uncertain = sum(weight * ranks(score(candidates, 0)) for score, weight in WEIGHTS.items())
    most = np.argsort(-np.where(candidates.free, uncertain, -1.0))[:20]
    asked = np.argsort(-combined(candidates, 0))[:26]
    assert len(set(most.tolist()) - set(asked.tolist())) <= 1


def test_no_place_is_given_twice(make_pool: MakePool) -> None:
    candidates = make_pool(images=200)
    scores = combined(candidates, 0)
    assert candidates.free[np.argsort(-scores)[: candidates.free.sum()]].all()


def test_without_features_it_is_by_how_unsure_the_labels_are() -> None:
    sure = Candidates(np.array([[0.5, 0.5], [0.0, 1.0]], np.float32))
    assert priority("combined", sure).tolist() == [0.5, 0.0]
