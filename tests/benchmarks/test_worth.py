"""How many complete images teach as much as so many tags."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.worth import Worth, cell, worth

COUNTS = [10, 100, 1000]


@pytest.mark.parametrize(
    ("score", "images"), [(40.0, 10), (45.0, 10**1.25), (60.0, 100), (70.0, 10**2.5), (80.0, 1000)]
)
def test_between_measured_counts_the_curve_is_straight_over_their_logarithm(
    score: float, images: float
) -> None:
    assert worth(score, COUNTS, [40.0, 60.0, 80.0]).images == pytest.approx(images)


@pytest.mark.parametrize(("score", "end"), [(30.0, Worth(10, -1)), (90.0, Worth(1000, 1))])
def test_what_was_not_measured_is_marked(score: float, end: Worth) -> None:
    assert worth(score, COUNTS, [40.0, 60.0, 80.0]) == end


def test_where_a_curve_falls_it_counts_as_level() -> None:
    assert worth(59.0, COUNTS, [40.0, 60.0, 55.0]).images < 100
    assert worth(61.0, COUNTS, [40.0, 60.0, 55.0]) == Worth(1000, 1)


def test_a_cell_has_mean_and_spread_and_says_where_a_seed_ran_off_the_curve() -> None:
    assert cell([Worth(100), Worth(200)]) == "150 +- 50"
    assert cell([Worth(100), Worth(1000, 1)]).startswith(">")
    assert cell([Worth(10, -1), Worth(10, -1)]) == "<10 +- 0"
    assert np.isfinite(worth(50.0, [1], [50.0]).images)
