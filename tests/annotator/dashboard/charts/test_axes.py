from __future__ import annotations

import math
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.dashboard.charts.axes import HALF_CHARACTER, Axis, Scale, across, round_ticks, scale_of
from annotator.dashboard.charts.svg import WIDTH


@given(low=st.integers(-1000, 1000), width=st.floats(0.01, 1e6))
def test_ticks_are_round_few_and_inside(low: int, width: float) -> None:
    ticks = round_ticks(low, low + width)
    assert 2 <= len(ticks) <= 6
    assert all(low - width / 1e6 <= tick <= low + width * (1 + 1e-6) for tick in ticks)
    steps = [after - before for before, after in pairwise(ticks)]
    assert steps == pytest.approx([steps[0]] * len(steps))
    leading = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert min(abs(leading - each) for each in (1, 2, 5)) < 1e-6


def test_an_axis_without_ends_goes_from_a_round_number_to_a_round_number() -> None:
    scale = scale_of(Axis("seconds"), [3.2, 47.0], 0, 100)
    assert (scale.low, scale.high) == (0, 50)


@pytest.mark.parametrize("values", [[], [math.nan], [5.0], [0.0], [-2.0, -2.0], [math.inf, 1.0]])
def test_an_axis_has_room_whatever_there_is_to_show(values: list[float]) -> None:
    scale = scale_of(Axis(""), values, 0, 100)
    assert scale.high > scale.low
    assert all(0 <= scale(value) <= 100 for value in values if math.isfinite(value))


def test_a_scale_puts_values_in_proportion_and_what_is_outside_at_its_end() -> None:
    scale = Scale(0, 10, 100, 0)
    assert [scale(value) for value in (0, 2.5, 10, 12, -1)] == [100, 75, 0, 0, 100]
    assert math.isnan(scale(math.nan))


def test_a_long_number_at_the_end_is_drawn_whole() -> None:
    scale = Scale(0, 2_000_000, 52, WIDTH - 14)
    drawn = across(Axis("images"), scale, 0, 100)[:-2]
    last = re.search(r'<text x="([\d.]+)"[^>]*>2,000,000<', "".join(drawn))
    assert last
    assert float(last[1]) + HALF_CHARACTER * len("2,000,000") <= WIDTH
