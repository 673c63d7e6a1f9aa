"""The parts of a map: every image is counted once, in the part whose name and square say where it lies."""

import numpy as np

from annotator.dashboard.catalog import Box
from annotator.dashboard.map_parts import SMALLEST, nearest_to_middle, parts

SQUARE = Box(0.0, 0.0, 6.0, 6.0)


def test_every_image_is_in_one_part_and_in_its_class() -> None:
    random = np.random.default_rng(0)
    places, classes = random.random((500, 2)) * 6, random.integers(-1, 3, 500)
    found = list(parts(places, classes, 3, SQUARE))
    assert sum(part.images for part in found) == 500
    for part in found:
        inside = part.box.holds(places)
        assert part.images == inside.sum()
        assert list(part.counts) == [int((classes[inside] == each).sum()) for each in range(3)]


def test_names_are_those_of_a_chess_board_and_come_from_above() -> None:
    places = np.array([[0.5, 0.5], [5.5, 0.5], [0.5, 5.5]])
    assert [part.name for part in parts(places, np.zeros(3, np.int64), 1, SQUARE)] == ["A6", "A1", "F1"]


def test_the_edges_belong_to_the_outermost_parts() -> None:
    places = np.array([[6.0, 6.0], [0.0, 0.0]])
    assert [part.name for part in parts(places, np.zeros(2, np.int64), 1, SQUARE)] == ["F6", "A1"]


def test_what_is_too_small_is_not_divided() -> None:
    tiny = Box(0.0, 0.0, SMALLEST / 2, SMALLEST / 2)
    assert list(parts(np.zeros((1, 2)), np.zeros(1, np.int64), 1, tiny)) == []


def test_those_in_the_middle_come_first() -> None:
    places = np.array([[0.0, 0.0], [3.1, 3.0], [5.0, 5.0], [3.0, 3.0]])
    assert nearest_to_middle(places, SQUARE, 3).tolist() == [3, 1, 2]
