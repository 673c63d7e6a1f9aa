"""Why images cannot be used: grouped for people, and tried again with growing pauses where it may pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotator.store import (
    Image,
    ImageProblems,
    ProblemExample,
    Project,
    Store,
    Unusable,
    due_images,
    due_projects,
    image_problems,
    remove_images,
)
from annotator.store.problems import FIRST_PAUSE, LONGEST_PAUSE, USABLE, problem_columns
from annotator.store.states import TRIED_AGAIN
from annotator.store.types import utc_now

MakeProject = Callable[..., Project]


def fail(session: Session, task: int, reason: Unusable, words: str = "Words.", tries: int = 1) -> None:
    facts = problem_columns(reason, words, tries)
    session.execute(update(Image).where(Image.studio_task == task).values(facts))


def test_problems_are_grouped_by_reason_the_most_frequent_first(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, images=9)
        for task in range(101, 106):
            fail(session, task, Unusable.UNREACHED, f"Down {task}.", tries=task - 100)
        fail(session, 106, Unusable.NO_IMAGE, "A web page.")
        fail(session, 107, Unusable.NO_IMAGE, "Empty.")
        remove_images(session, project.id, [107])
        first, second = image_problems(session, project.id, examples=2)
        soonest = session.scalars(select(Image.try_at).where(Image.studio_task == 101)).one()
    assert (first.reason, first.count, first.next_try) == (Unusable.UNREACHED, 5, soonest)
    assert first.examples == (
        ProblemExample(101, "/data/upload/7/1.jpg", "Down 101."),
        ProblemExample(102, "/data/upload/7/2.jpg", "Down 102."),
    )
    example = ProblemExample(106, "/data/upload/7/6.jpg", "A web page.")
    assert second == ImageProblems(Unusable.NO_IMAGE, 1, (example,), None)


def test_a_healthy_project_has_none(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        assert image_problems(session, make_project(session).id) == []


@pytest.mark.parametrize("reason", TRIED_AGAIN)
def test_what_may_pass_is_tried_again_with_growing_pauses(reason: Unusable) -> None:
    now = utc_now()
    pauses = [problem_columns(reason, "", tries)["try_at"] - now for tries in (1, 2, 3, 4, 30, 10_000)]
    expected = [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    for pause, wanted in zip(pauses, expected, strict=True):
        assert timedelta(0) <= pause - wanted < timedelta(seconds=5)


@pytest.mark.parametrize("reason", sorted(set(Unusable) - set(TRIED_AGAIN)))
def test_what_only_somebody_can_mend_waits_for_them(reason: Unusable) -> None:
    assert problem_columns(reason, "", 1)["try_at"] is None


def test_due_are_live_images_whose_time_has_come(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=5)
        make_project(session, images=1, title="Others")
        for task in (101, 102, 103, 104):
            fail(session, task, Unusable.UNREACHED)
        past = utc_now() - timedelta(seconds=1)
        for task, at in ((102, past), (103, past - timedelta(hours=1)), (104, past)):
            due = (Image.project_id == project.id, Image.studio_task == task)
            session.execute(update(Image).where(*due).values(try_at=at))
        remove_images(session, project.id, [104])
        ids = {
            image.studio_task: image.id
            for image in session.scalars(select(Image).where(Image.project_id == project.id))
        }
        assert list(due_images(session, project.id, 10)) == [ids[103], ids[102]]
        assert list(due_images(session, project.id, 1)) == [ids[103]]
        assert due_projects(session) == [project.id]
        session.execute(update(Image).values(USABLE))
        assert due_projects(session) == []
