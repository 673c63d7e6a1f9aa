from __future__ import annotations

import math

import pytest

from annotator.dashboard.charts import SHARE, Axis, Line, Tone, curve
from annotator.dashboard.charts.curve import LEFT, MOST_DOTS, RIGHT
from tests.annotator.dashboard.charts.reading import classed, numbers, texts

X = Axis("answers", 0)
NAN = math.nan


def test_points_stand_where_their_values_are() -> None:
    chart = curve("t", "d", [Line("a", [0, 50, 100], [0.0, 0.5, 1.0])], Axis("answers", 0, 100), SHARE)
    dots = [(float(each.get("cx", 0)), float(each.get("cy", 0))) for each in classed(chart, "dot")]
    assert [x for x, _ in dots] == [LEFT, (LEFT + RIGHT) / 2, RIGHT]
    assert dots[1][1] == pytest.approx((dots[0][1] + dots[2][1]) / 2)
    assert dots[0][1] > dots[2][1]  # more is higher


def test_the_band_goes_along_its_high_ends_and_back_along_the_low_ones() -> None:
    line = Line("a", [0, 100], [0.5, 0.5], [0.25, 0.0], [0.75, 1.0])
    chart = curve("t", "d", [line], Axis("answers", 0, 100), SHARE)
    (band,) = classed(chart, "band")
    heights = numbers(band.get("d"))[1::2]
    assert heights[0] < heights[3]
    assert heights[1] < heights[2]
    assert heights[1] < heights[0]


def test_an_unknown_value_breaks_line_and_band_and_is_no_dot() -> None:
    line = Line("a", [1, 2, 3, 4], [0.1, NAN, 0.3, 0.4], [0, NAN, 0.2, 0.3], [0.2, NAN, 0.4, 0.5])
    chart = curve("t", "d", [line], X, SHARE)
    assert len(classed(chart, "dot")) == 3
    assert (classed(chart, "line")[0].get("d") or "").count("M") == 2
    assert len(classed(chart, "band")) == 1
    assert len(classed(chart, "whisker")) == 1  # the first point stands alone
    assert "nan" not in chart


def test_one_point_is_a_dot_with_its_interval() -> None:
    chart = curve("t", "d", [Line("a", [5], [0.3], [0.2], [0.5])], X, SHARE)
    assert len(classed(chart, "dot")) == len(classed(chart, "whisker")) == 1
    assert classed(chart, "band") == []


@pytest.mark.parametrize("line", [None, Line("a", [], []), Line("a", [1.0], [NAN])])
def test_where_there_is_nothing_that_is_said(line: Line | None) -> None:
    chart = curve("t", "d", [line] if line else [], X, SHARE)
    assert texts(chart) == ["There is nothing to show yet."]


def test_people_and_estimates_and_what_is_foretold_differ_by_class() -> None:
    lines = [
        Line("said", [1], [1], tone=Tone.PEOPLE),
        Line("to come", [1], [1], dashed=True),
        Line("b", [1], [1], tone=3),
    ]
    chart = curve("t", "d", lines, X, SHARE)
    kinds = [each.get("class") for each in classed(chart, "line")]
    assert kinds == ["line people", "line estimated dashed", "line c3"]
    assert [name for name in texts(chart) if name in ("said", "to come", "b")] == ["said", "to come", "b"]


def test_a_marked_place_has_its_name_and_one_beyond_the_axis_is_left_out() -> None:
    lines = [Line("a", [0, 100], [0, 1])]
    chart = curve("t", "d", lines, Axis("x", 0, 100), SHARE, marks={"in use": 75, "never": 101})
    (mark,) = classed(chart, "marked")
    assert float(mark.get("x1", 0)) == pytest.approx(LEFT + (RIGHT - LEFT) * 0.75)
    assert "in use" in texts(chart)
    assert "never" not in texts(chart)


def test_a_long_line_has_no_dots() -> None:
    count = MOST_DOTS + 1
    assert classed(curve("t", "d", [Line("a", range(count), [0.5] * count)], X, SHARE), "dot") == []
