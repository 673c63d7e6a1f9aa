"""Parts of a map: read from a link as they were written, squared, divided."""

import numpy as np
import pytest

from annotator.dashboard.catalog import Box, box_around


def test_a_part_holds_its_edges_and_nothing_beyond() -> None:
    box = Box(-0.5, 0.0, 0.5, 1.0)
    places = np.array([[-0.5, 0.0], [0.5, 1.0], [0.0, 0.5], [0.51, 0.5], [0.0, -0.01], [np.nan, 0.5]])
    assert box.holds(places).tolist() == [True, True, True, False, False, False]


def test_a_link_says_as_little_as_it_needs() -> None:
    assert str(Box(-1.0, 0.0, 0.25, 0.123456789)) == "-1,0,0.25,0.12346"
    assert Box.read(str(Box(-1.0, 0.0, 0.25, 0.12346))) == Box(-1.0, 0.0, 0.25, 0.12346)


@pytest.mark.parametrize(
    "told", ["", "1,2", "1,2,3,4,5", "a,b,c,d", "0,0,-1,1", "0,0,1,0", "0,0,inf,1", "nan,0,1,1"]
)
def test_what_is_no_part_is_refused(told: str) -> None:
    with pytest.raises(ValueError, match="is no part of the map"):
        Box.read(told)


def test_parts_from_above_make_up_the_whole() -> None:
    square = Box(0.0, 0.0, 4.0, 4.0)
    assert square.part(0, 0, 4) == Box(0.0, 3.0, 1.0, 4.0)
    assert square.part(3, 3, 4) == Box(3.0, 0.0, 4.0, 1.0)


def test_a_part_that_is_no_square_becomes_the_square_around_it() -> None:
    assert Box(0.0, 0.0, 0.5, 1.0).squared() == Box(-0.25, 0.0, 0.75, 1.0)


@pytest.mark.parametrize("places", [np.array([[0.3, -0.2]]), np.random.default_rng(0).random((50, 2))])
def test_around_places_is_a_square_that_holds_them_as_its_link_says_it(
    places: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    box = Box.read(str(box_around(places)))
    assert box.holds(places).all()
    assert box.right - box.left == pytest.approx(box.high - box.low, abs=1e-4)


def test_around_nothing_is_the_whole_map() -> None:
    assert box_around(np.empty((0, 2))) == Box(-1.0, -1.0, 1.0, 1.0)
