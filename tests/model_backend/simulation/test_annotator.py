"""What simulated people answer."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.errors import LearningError
from model_backend.simulation.annotator import Annotator, Habits

TRUTH = np.tile(np.array([[1, 1, 0, 0], [0, 0, 0, 1]], np.int8), (500, 1))


def test_a_tag_names_one_label_that_is_there() -> None:
    annotator = Annotator(TRUTH, Habits(), seed=0)
    for row in range(40):
        answer = annotator.answer(row, "tag")
        assert answer.sum() == 1
        assert TRUTH[row][answer > 0].all()
        assert (annotator.answer(row, "tag") == answer).all(), "asked again, the same"


def test_by_size_a_tag_names_what_is_large() -> None:
    areas = np.where(TRUTH > 0, [[0.0, 9.0, 0.0, 1.0]], 0)
    annotator = Annotator(TRUTH, Habits("size"), 0, areas)
    assert all(annotator.answer(row, "tag")[1] == 1 for row in range(0, len(TRUTH), 2))


def test_what_is_asked_by_name_is_answered_and_nothing_else() -> None:
    annotator = Annotator(TRUTH, Habits(), seed=0)
    assert annotator.answer(0, "yes_no", [1]).tolist() == [0, 1, 0, 0]
    assert annotator.answer(0, "check", [3, 0]).tolist() == [1, 0, 0, -1]


def test_a_complete_review_tells_every_label() -> None:
    assert Annotator(TRUTH, Habits(), seed=0).answer(1, "complete").tolist() == [-1, -1, -1, 1]


def test_nothing_of_these_is_the_answer_where_nothing_is_there() -> None:
    empty = np.vstack([TRUTH, np.zeros((1, 4), np.int8)])
    annotator = Annotator(empty, Habits(), seed=0)
    for kind, labels in (("tag", ()), ("yes_no", (2,)), ("complete", ())):
        assert annotator.answer(len(TRUTH), kind, labels).tolist() == [-1, -1, -1, -1]  # type: ignore[arg-type]


@pytest.mark.parametrize("bias", ["uniform", "frequency", "annotator"])
def test_every_kind_of_answer_is_wrong_at_the_same_rate(bias: str) -> None:
    """Of what is said to be there a fifth is wrong, and of what is there a fifth is missed."""
    annotator = Annotator(TRUTH, Habits(bias, mistakes=0.2), seed=1)
    rows, there = range(len(TRUTH)), TRUTH > 0
    tags = np.array([annotator.answer(row, "tag") for row in rows]) > 0
    assert (tags & ~there).sum() / len(TRUTH) == pytest.approx(0.2, abs=0.001)
    by_name = np.array([[annotator.answer(row, "yes_no", [at])[at] for at in range(4)] for row in rows]) > 0
    reviews = np.array([annotator.answer(row, "complete") for row in rows]) > 0
    for said in (by_name, reviews):
        assert (said & ~there).sum() / said.sum() == pytest.approx(0.2, abs=0.002)
        assert (~said & there).sum() / there.sum() == pytest.approx(0.2, abs=0.002)


def test_what_is_seen_of_an_image_is_the_same_in_every_answer() -> None:
    annotator = Annotator(TRUTH, Habits(mistakes=0.3), seed=4)
    for row in range(100):
        review = annotator.answer(row, "complete")
        assert review[annotator.answer(row, "tag") > 0].tolist() == [1]
        checked = annotator.answer(row, "check", range(4))
        assert (checked == review).all()


def test_lazy_people_leave_what_is_to_be_checked_as_it_came_but_not_what_is_asked_alone() -> None:
    annotator = Annotator(TRUTH, Habits(lazy=0.5), seed=2)
    rows = np.flatnonzero(TRUTH[:, 0] > 0)
    missed = [annotator.answer(row, "check", [0, 3])[0] < 0 for row in rows]
    assert np.mean(missed) == pytest.approx(0.5, abs=0.07)
    assert all(annotator.answer(row, "yes_no", [0])[0] > 0 for row in rows)
    absent = np.flatnonzero(TRUTH[:, 3] <= 0)
    assert not any(annotator.answer(row, "check", [0, 3])[3] > 0 for row in absent)


def test_a_chance_that_is_none_is_refused() -> None:
    with pytest.raises(LearningError, match="'lazy' must lie"):
        Habits(lazy=1.5)
