from __future__ import annotations

import math

import pytest

from annotator.dashboard.charts import Reliable, reliability
from annotator.dashboard.charts.reliability import LEFT, SIDE, TOP
from tests.annotator.dashboard.charts.reading import classed, texts


def test_who_is_right_as_often_as_was_said_lies_on_the_diagonal() -> None:
    chart = reliability("t", "d", [Reliable(0.25, 0.25, 10, 0.1, 0.4)])
    (point,) = classed(chart, "bubble")
    assert (float(point.get("cx", 0)), float(point.get("cy", 0))) == (LEFT + SIDE / 4, TOP + SIDE * 3 / 4)
    (diagonal,) = classed(chart, "diagonal")
    assert [float(diagonal.get(end, 0)) for end in ("x1", "y1", "x2", "y2")] == [
        LEFT,
        TOP + SIDE,
        LEFT + SIDE,
        TOP,
    ]


def test_the_area_of_a_point_grows_with_its_count_and_small_ones_lie_on_top() -> None:
    chart = reliability("t", "d", [Reliable(0.2, 0.2, 100, 0, 1), Reliable(0.8, 0.8, 400, 0, 1)])
    large, small = (float(each.get("r", 0)) for each in classed(chart, "bubble"))
    assert large**2 / small**2 == pytest.approx(4, rel=0.05)


def test_each_point_has_its_interval_and_says_its_numbers() -> None:
    chart = reliability("t", "d", [Reliable(0.5, 0.4, 20, 0.25, 0.75)])
    (whisker,) = classed(chart, "whisker")
    assert float(whisker.get("y1", 0)) - float(whisker.get("y2", 0)) == SIDE / 2
    assert classed(chart, "bubble")[0].findtext("title") == "20 said 50 %, right 40 %"


@pytest.mark.parametrize(
    "points", [[], [Reliable(0.5, math.nan, 0, 0, 1)], [Reliable(math.nan, 0.5, 3, 0, 1)]]
)
def test_without_answers_that_is_said(points: list[Reliable]) -> None:
    assert texts(reliability("t", "d", points)) == ["Nothing was answered yet that could be compared."]
