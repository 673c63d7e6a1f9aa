"""The view of annotators: each figure with what it rests on, and none where nothing was measured."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from annotator.dashboard.annotators import Annotators, annotators
from annotator.store import Image, Observed, Project, Source, Store, Submission, record_annotation
from annotator.store.costs import ENOUGH
from annotator.store.states import Question, Review
from annotator.store.types import utc_now

Say = Callable[..., None]
CONFIRMED, REJECTED, TAG = Source.CONFIRMED, Source.REJECTED, Source.TAG
LIMIT = 0.5


@pytest.fixture
def say(store: Store, project: Project) -> Say:
    """Records an answer: `say("ann", 1, Observed(...))`, with whatever differs."""
    numbers = iter(range(1, 1000))

    def record(who: str | None, task: int, *said: Observed, **others: Any) -> None:
        values: dict[str, Any] = {
            **{"studio_annotation": next(numbers), "result": [], "skipped": False, "lead_time": 3.0},
            **{"suggested_version": None, "suggested": None, "at": utc_now()},
        }
        with store.session() as session:
            image = session.scalars(select(Image).where(Image.studio_task == task)).one()
            submission = Submission(annotator=who, observed=said, **(values | others))
            record_annotation(session, project, image, submission)

    return record


def counted(store: Store, project: Project) -> Annotators:
    with store.reading() as session:
        return annotators(session, project.id, LIMIT)


def shown(browser: FlaskClient, project: Project) -> str:
    answer = browser.get(f"/page/{project.key}/annotators")
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_before_anybody_answered_it_says_so(browser: FlaskClient, project: Project) -> None:
    assert "Nobody has answered yet." in shown(browser, project)


def test_what_was_not_measured_is_said_to_be_not(browser: FlaskClient, project: Project, say: Say) -> None:
    say("ann", 1, Observed("cat", 1, TAG), lead_time=None)
    text = shown(browser, project)
    assert text.count("not measured yet") >= 5
    assert f"not measured yet: 0 of {ENOUGH} timed" in text
    assert "None of these tells a time of a person." in text


def test_whose_answers_are_not_known_stands_apart(
    browser: FlaskClient, store: Store, project: Project, say: Say
) -> None:
    say(None, 1, Observed("cat", 1, TAG))
    (found,) = counted(store, project).each
    assert (found.activity.annotator, found.activity.answers, found.acceptance) == (None, 1, None)
    assert "not known who" in shown(browser, project)


def test_pace_is_of_the_newest_answers(store: Store, project: Project, say: Say) -> None:
    for task, seconds in ((1, 2.0), (2, 4.0), (3, 900.0)):
        say("ann", task, Observed("cat", 1, TAG), lead_time=seconds)
    (found,) = counted(store, project).each
    assert found.pace is not None
    assert (found.pace.an_hour, found.pace.timed, found.pace.breaks) == (1200.0, 2, 1)
    assert found.pace.kinds == {Question.TAG: 3}


def disagree(say: Say, who: str, tasks: Sequence[int]) -> None:
    """Confirms a dog on these images, each page marked as reviewed, where two others see none."""
    for task in tasks:
        cat, lazy = Observed("cat", 1, TAG), Observed("dog", 1, CONFIRMED)
        say(who, task, cat, lazy, review=Review.SUGGESTIONS, suggested=["dog"])
        for other in ("bob", "eve"):
            no_dog = Observed("dog", -1, REJECTED)
            say(other, task, cat, no_dog, review=Review.SUGGESTIONS, suggested=["dog"])


def test_the_label_that_is_said_otherwise_most_often_comes_first(
    store: Store, project: Project, say: Say
) -> None:
    disagree(say, "ann", (1, 2, 3))
    found = {each.activity.annotator: each for each in counted(store, project).each}
    assert [(each.label, each.same, each.compared) for each in found["ann"].confusions] == [
        ("dog", 0, 3),
        ("cat", 3, 3),
    ]
    assert (found["ann"].as_others.part, found["ann"].as_others.whole) == (3, 6)
    # Of the dog, bob's others are tied: nothing is compared.
    assert (found["bob"].as_others.part, found["bob"].as_others.whole) == (3, 3)


def test_who_confirms_the_absent_for_certain_is_flagged_with_interval_and_limit(
    browser: FlaskClient, store: Store, project: Project, say: Say
) -> None:
    disagree(say, "ann", (1, 2))
    found = {each.activity.annotator: each for each in counted(store, project).each}
    assert found["ann"].acceptance is not None
    assert not found["ann"].flagged  # two of two may be chance
    disagree(say, "ann", (3, 4, 5))
    found = {each.activity.annotator: each for each in counted(store, project).each}
    assert [name for name, each in found.items() if each.flagged] == ["ann"]
    text = shown(browser, project)
    assert "ann confirms suggestions of what is not there: 5 of the 5 that others found absent" in text
    assert "(57 % to 100 % with 95 % certainty), and the limit is 50 %." in text
    assert "Trainings leave such confirmations out." in text


def test_days_are_drawn_and_told_in_words(browser: FlaskClient, project: Project, say: Say) -> None:
    yesterday = utc_now() - timedelta(days=1)
    say("ann", 1, Observed("cat", 1, TAG), at=yesterday)
    say("ann", 2, Observed("cat", 1, TAG), at=yesterday)
    answer = browser.get(f"/page/{project.key}/annotators").text
    assert f"<desc>2 on {yesterday:%d %B}</desc>" in answer


def test_a_name_is_text_and_never_html(browser: FlaskClient, project: Project, say: Say) -> None:
    say("<img src=x>", 1, Observed("cat", 1, TAG))
    text = browser.get(f"/page/{project.key}/annotators").text
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text


def test_a_project_that_is_not_there_is_not_found(browser: FlaskClient, project: Project) -> None:
    assert browser.get("/page/p99/annotators").status_code == 404
