"""What each annotator did, counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from annotator.store import Annotation, Project, Store
from annotator.store.activity import DAYS, activities, days_until, paces
from annotator.store.costs import newest_answers
from annotator.store.states import Question, Unused

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]
DAY = 24 * 3600


def test_everybody_is_listed_the_busiest_first(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session, images=6)
        annotate(session, project, "cat", task=101, number=1, annotator="ann")
        annotate(session, project, task=102, number=2, annotator="ann", skipped=True)
        annotate(session, project, "dog", task=103, number=3, annotator="bob", second=5)
        annotate(session, project, "cat", task=104, number=4, annotator="bob", second=9)
        annotate(session, project, "cat", task=105, number=5, annotator=None)
        other = make_project(session, title="Other")
        annotate(session, other, "cat", number=6, annotator="eve")
        found = activities(session, project.id, at(0))
    assert [(each.annotator, each.answers, each.skips) for each in found] == [
        ("bob", 2, 0),
        ("ann", 1, 1),
        (None, 1, 0),
    ]
    assert found[0].last == at(9)


def test_an_answer_that_says_nothing_of_the_labels_is_none(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, number=1, unused=Unused.OTHER_CONTROLS)
        annotate(session, project, task=102, number=2, unused=Unused.UNTOUCHED)
        found = activities(session, project.id, at(0))
    assert [each.answers for each in found] == [1]


def test_days_are_those_of_utc_and_today_is_the_last(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session, images=4)
        # Noon of today, and of the first day; a second before the first day; midnight of today.
        for number, second in enumerate((0, -13 * DAY, -13.5 * DAY - 1, -0.5 * DAY), 1):
            annotate(session, project, "cat", task=100 + number, number=number, second=second)
        found = activities(session, project.id, at(11 * 3600))
    assert [each.by_day for each in found] == [(1, *[0] * (DAYS - 2), 2)]
    assert found[0].answers == 4


def test_the_days_follow_each_other_without_a_gap(at: Callable[[float], datetime]) -> None:
    days = days_until(at(0))
    assert len(days) == DAYS
    assert {later - day for day, later in pairwise(days)} == {timedelta(days=1)}


def test_pace_leaves_out_breaks_and_answers_without_a_time(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    seconds = [2.0, 4.0, 2.0, 4.0, 600.0, None, 0.01]  # a break, and two that tell no time of a person
    with store.session() as session:
        project = make_project(session, images=9)
        for number, taken in enumerate(seconds, 1):
            annotate(session, project, "cat", task=100 + number, number=number, lead_time=taken, suggested=[])
        annotate(session, project, "cat", task=108, number=8, annotator="bob", lead_time=3.0, suggested=[])
        found = paces(newest_answers(session, project.id))
    ann = found["ann@example.com"]
    assert (ann.timed, ann.seconds, ann.breaks) == (4, 12.0, 1)
    assert ann.an_hour == pytest.approx(1200)
    assert ann.kinds == {Question.TAG: 7}
    assert found["bob"].an_hour == pytest.approx(1200)
    assert not ann.costs[Question.TAG].measured


def test_a_kind_is_measured_from_thirty_answers_on(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=60)
        for number in range(1, 60):
            kind: dict[str, list[str]] = {"suggested": []} if number <= 30 else {}
            said = "cat" if number <= 30 else "-cat"
            taken = float(number % 3 + 1)
            annotate(session, project, said, task=100 + number, number=number, lead_time=taken, **kind)
        pace = paces(newest_answers(session, project.id))["ann@example.com"]
    assert pace.kinds == {Question.TAG: 30, Question.CHECK: 29}
    assert {each for each, cost in pace.costs.items() if cost.measured} == {Question.TAG}
    assert pace.costs[Question.TAG].seconds == 2.0


def test_nobody_has_no_pace() -> None:
    assert paces([]) == {}


def test_who_was_never_timed_has_no_answers_an_hour(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", lead_time=None)
        (pace,) = paces(newest_answers(session, project.id)).values()
    assert (pace.an_hour, pace.timed) == (None, 0)
