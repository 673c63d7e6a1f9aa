"""Shares of what was counted, with how sure they are."""

from math import sqrt

import pytest

from annotator.store.shares import Share, Z


@pytest.mark.parametrize(("part", "whole"), [(0, 1), (1, 1), (5, 9), (80, 100), (0, 500)])
def test_the_interval_holds_the_share_and_solves_the_score_equation(part: int, whole: int) -> None:
    low, high = Share(part, whole).interval
    share = part / whole
    assert 0 <= low <= share <= high <= 1
    for end in (low, high):
        if 1e-9 < end < 1 - 1e-9:
            assert abs(share - end) == pytest.approx(Z * sqrt(end * (1 - end) / whole))


def test_of_nothing_seen_everything_is_possible() -> None:
    assert Share(0, 0).interval == (0.0, 1.0)
