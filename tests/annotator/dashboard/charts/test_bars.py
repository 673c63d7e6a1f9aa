from __future__ import annotations

import math

import pytest

from annotator.dashboard.charts import SHARE, Axis, Bar, Tone, bars
from annotator.dashboard.charts.bars import LEFT, RIGHT
from tests.annotator.dashboard.charts.reading import classed, read, texts


def test_a_bar_is_as_long_as_its_value() -> None:
    chart = bars("t", "d", [Bar("cat", 1.0), Bar("dog", 0.25)])
    assert [float(each.get("width", 0)) for each in classed(chart, "bar")] == [
        RIGHT - LEFT,
        (RIGHT - LEFT) / 4,
    ]


def test_peoples_word_and_estimates_differ_and_the_legend_says_which_is_which() -> None:
    chart = bars("t", "d", [Bar("cat", 1.0, Tone.PEOPLE, note="present"), Bar("dog", 0.034)])
    assert [each.get("class") for each in classed(chart, "bar")] == ["bar people", "bar estimated"]
    assert texts(chart) == ["people's word", "estimated", "cat", "present", "dog", "3.4 %"]


def test_what_is_unknown_has_no_bar() -> None:
    chart = bars("t", "d", [Bar("bird", math.nan, low=0.1, high=0.2)])
    assert classed(chart, "bar") == classed(chart, "whisker") == []
    assert "unknown" in texts(chart)


def test_the_threshold_is_a_tick_and_one_above_all_is_left_out() -> None:
    chart = bars("t", "d", [Bar("cat", 0.1, threshold=0.5), Bar("dog", 0.1, threshold=1.01)])
    (tick,) = classed(chart, "threshold")
    assert float(tick.get("x1", 0)) == pytest.approx((LEFT + RIGHT) / 2)


def test_a_long_name_is_shortened_and_told_whole() -> None:
    name = "a very long name of a label"
    chart = bars("t", "d", [Bar(name, 0.5)])
    (row,) = classed(chart, "end")
    assert row.findtext("title") == name
    assert name not in texts(chart)


def test_counts_start_at_nothing_and_end_at_a_round_number() -> None:
    chart = bars("t", "d", [Bar("cat", 40, low=30, high=50), Bar("dog", 20)], Axis(""))
    assert [float(each.get("width", 0)) for each in classed(chart, "bar")] == pytest.approx(
        [(RIGHT - LEFT) * 0.8, (RIGHT - LEFT) * 0.4], abs=0.1
    )


def test_a_thousand_bars_are_drawn_below_each_other() -> None:
    chart = bars("t", "d", [Bar(f"label {place}", 0.5) for place in range(1000)], SHARE)
    assert len(classed(chart, "bar")) == 1000
    assert float(read(chart).get("viewBox", "").split()[3]) > 1000 * 20


def test_without_bars_that_is_said() -> None:
    assert texts(bars("t", "d", [])) == ["There is nothing to show yet."]
