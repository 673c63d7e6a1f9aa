"""The classifier and the belief beside it as a committee of two."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_backend.acquisition import Candidates, priority

CHANCES = st.floats(0, 1, width=32)


def bits(p: float) -> float:
    return sum(-q * math.log2(q) for q in (p, 1 - p) if q > 0)


def disagreement(classified: list[float], believed: list[float]) -> float:
    one, other = (np.array([row], np.float32) for row in (classified, believed))
    return float(priority("disagreement", Candidates(one, belief=other))[0])


@given(st.lists(st.tuples(CHANCES, CHANCES), min_size=1, max_size=6))
def test_it_is_the_entropy_of_the_mean_less_the_mean_entropy(pairs: list[tuple[float, float]]) -> None:
    expected = [bits((p + g) / 2) - (bits(p) + bits(g)) / 2 for p, g in pairs]
    found = disagreement([p for p, _ in pairs], [g for _, g in pairs])
    assert found == pytest.approx(sum(expected) / len(pairs), abs=1e-6)
    assert found == pytest.approx(disagreement([g for _, g in pairs], [p for p, _ in pairs]), abs=1e-7)


def test_both_unsure_is_no_disagreement_and_certain_of_the_contrary_is_all_of_it() -> None:
    assert disagreement([0.5, 0.5], [0.5, 0.5]) == 0
    assert disagreement([0.0, 1.0], [1.0, 0.0]) == 1


def test_the_classifier_is_a_member_whether_it_or_the_belief_is_the_sure_one() -> None:
    assert disagreement([0.9], [0.2]) > disagreement([0.9], [0.7]) > disagreement([0.9], [0.9])


def test_without_a_belief_nobody_disagrees() -> None:
    assert priority("disagreement", Candidates(np.full((3, 2), 0.4, np.float32))).tolist() == [0, 0, 0]
