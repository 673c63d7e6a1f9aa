from __future__ import annotations

import numpy as np
import pytest

from annotator.dashboard.charts import MOST_POINTS, Frame, Region, drawn_points, frame_of, scatter
from annotator.dashboard.charts.scatter import MARGIN, SIDE
from tests.annotator.dashboard.charts.reading import classed, numbers, read, texts


def test_distances_are_in_one_scale_and_up_is_more() -> None:
    points = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 5.0]])
    places = frame_of(points).places(points)
    assert places[:2, 0].tolist() == [MARGIN, MARGIN + SIDE]
    assert places[0, 1] - places[2, 1] == SIDE / 2


def test_each_class_has_its_colour_and_no_class_is_grey() -> None:
    points = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    chart = scatter("t", "d", points, np.array([0, 1, -1]), ["cat", "dog"])
    assert [each.get("class") for each in classed(chart, "dots")] == ["dots none", "dots c0", "dots c1"]
    assert texts(chart) == ["cat", "dog", "3 of 3 points are drawn"]


def test_a_class_that_no_point_has_is_not_in_the_legend() -> None:
    chart = scatter("t", "d", np.zeros((1, 2)), np.array([1]), ["cat", "dog"])
    assert "cat" not in texts(chart)


def test_the_ninth_class_has_another_shape() -> None:
    names = [f"cluster {place}" for place in range(9)]
    chart = scatter("t", "d", np.random.default_rng(0).random((9, 2)), np.arange(9), names)
    assert [each.get("class") for each in classed(chart, "dots", "c0")] == ["dots c0", "dots c0 square"]


def test_of_many_points_some_are_drawn_and_that_is_said() -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(100_000, 2))
    chart = scatter("t", "d", points, np.zeros(100_000, dtype=np.int64), ["all"])
    (dots,) = classed(chart, "dots")
    assert (dots.get("d") or "").count("M") == MOST_POINTS
    assert f"{MOST_POINTS:,} of 100,000 points are drawn" in texts(chart)
    assert len(chart) < 100_000


def test_those_drawn_are_the_same_each_time_and_where_they_are_said_to_be() -> None:
    points = np.random.default_rng(1).random((50, 2))
    rows = drawn_points(points, most=10)
    assert rows.tolist() == drawn_points(points, most=10).tolist()
    chart = scatter("t", "d", points, np.zeros(50, dtype=np.int64), ["all"], most=10)
    drawn = np.array(numbers(classed(chart, "dots")[0].get("d"))).reshape(-1, 3)[:, 0]
    assert drawn == pytest.approx(frame_of(points).places(points)[rows, 0], abs=0.051)


def test_a_frame_shows_a_part_to_scale() -> None:
    places = Frame(left=2.0, low=1.0, side=4.0).places(np.array([[2.0, 1.0], [6.0, 5.0]]))
    assert places.tolist() == [[MARGIN, MARGIN + SIDE], [MARGIN + SIDE, MARGIN]]


def test_a_region_is_a_link_over_the_picture_and_not_in_it() -> None:
    region = Region((0.0, 0.5, 0.5, 1.0), "?box=a&b", 'above "left"')
    points, frame = np.array([[0.0, 0.0], [1.0, 1.0]]), Frame(0.0, 0.0, 1.0)
    chart = scatter("t", "d", points, np.zeros(2, np.int64), ["all"], frame=frame, regions=[region])
    drawn = read(chart)
    assert (drawn.get("role"), drawn.get("aria-label")) == ("group", "t")
    picture, link = drawn
    assert picture.get("role") == "img"
    assert (link.get("href"), link.get("aria-label")) == ("?box=a&b", 'above "left"')
    area, (start, _) = link[0], (numbers(each.get("d")) for each in classed(chart, "dots") * 2)
    assert float(area.get("x", "")) == MARGIN
    assert float(area.get("width", "")) == float(area.get("height", "")) == SIDE / 2
    assert start[1] - float(area.get("y", "")) == pytest.approx(SIDE)


def test_tones_colour_the_classes_and_later_ones_lie_over_earlier_ones() -> None:
    points = np.zeros((3, 2))
    chart = scatter("t", "d", points, np.array([1, 0, 1]), {"no": "none", "yes": "people"})
    assert [each.get("class") for each in classed(chart, "dots")] == ["dots none", "dots people"]


@pytest.mark.parametrize("points", [np.empty((0, 2)), np.full((3, 2), np.nan)])
def test_without_points_that_is_said(points: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    chart = scatter("t", "d", points, np.zeros(len(points), dtype=np.int64), ["a"])
    assert texts(chart) == ["There are no points yet."]


def test_points_that_are_not_finite_are_left_out_and_one_alone_is_in_the_middle() -> None:
    points = np.array([[3.0, 4.0], [np.inf, 1.0]])
    assert drawn_points(points).tolist() == [0]
    assert frame_of(points).places(points)[0].tolist() == [MARGIN + SIDE / 2] * 2


def test_a_class_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="have a name"):
        scatter("t", "d", np.zeros((1, 2)), np.array([2]), ["a", "b"])
