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


def test_mistakes_are_as_frequent_as_they_are_said_to_be() -> None:
    annotator = Annotator(TRUTH, Habits(mistakes=0.2), seed=1)
    rows = range(len(TRUTH))
    tags = np.array([TRUTH[row][annotator.answer(row, "tag") > 0][0] for row in rows])
    assert (tags == 0).mean() == pytest.approx(0.2, abs=0.04)
    answers = np.array([annotator.answer(row, "yes_no", [0])[0] > 0 for row in rows])
    assert (answers != (TRUTH[:, 0] > 0)).mean() == pytest.approx(0.2, abs=0.04)
    reviews = np.array([annotator.answer(row, "complete") for row in rows])
    there = TRUTH > 0
    assert (reviews[there] < 0).mean() == pytest.approx(0.2, abs=0.04)
    assert (reviews[~there] < 0).all(), "nobody marks everywhere what is not there"


def test_lazy_people_accept_what_is_shown_but_not_what_is_asked() -> None:
    annotator = Annotator(TRUTH, Habits(lazy=0.5), seed=2)
    rows = range(0, len(TRUTH), 2)
    accepted = [annotator.answer(row, "check", [2, 3])[3] > 0 for row in rows]
    assert np.mean(accepted) == pytest.approx(0.5, abs=0.07)
    assert not any(annotator.answer(row, "yes_no", [3])[3] > 0 for row in rows)


def test_a_chance_that_is_none_is_refused() -> None:
    with pytest.raises(LearningError, match="'lazy' must lie"):
        Habits(lazy=1.5)
