"""An answer says nothing of a label that its page may not have shown, whatever our clock says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.config import build_config
from annotator.labelstudio.payloads import read_annotation
from annotator.labelstudio.replay import replay_project
from annotator.labelstudio.sync import adopt_config
from annotator.store import Annotation, Image, Label, Observation, Project, retire_annotation, sync_images
from annotator.store.labels import date_labels
from tests.annotator.labelstudio.conftest import LABELS

NOON = datetime(2031, 5, 4, 12, tzinfo=UTC)  # by Label Studio's clock, years ahead of ours
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WIDER = build_config((*LABELS, "bird"))


def region(control: str, name: str) -> dict[str, Any]:
    return {"id": control, "from_name": control, "origin": "manual", "value": {"choices": [name]}}


def marked(name: str = "cat") -> list[dict[str, Any]]:
    return [region("label", name), region("review", "All labels marked")]


def answer(
    session: Session, project: Project, at: datetime, *, made: datetime | None = None, **fields: Any
) -> Annotation | None:
    """Record an answer of that moment; its page was open for 10 seconds unless `lead_time` tells."""
    sync_images(session, project.id, {7: "/data/upload/5/7.png"})
    image = session.scalars(select(Image).where(Image.project_id == project.id)).one()
    sent = {"id": 1, "task": 7, "result": marked(), "completed_by": 3, "lead_time": 10.0, **fields}
    times = {"created_at": (made or at).isoformat(), "updated_at": at.isoformat()}
    return record_studio_annotation(session, project, image, read_annotation(sent | times))


def absent(session: Session) -> set[str]:
    """What is known to be absent."""
    chosen = select(Label.name).join(Observation, Observation.label_id == Label.id)
    return set(session.scalars(chosen.where(Observation.retired_at.is_(None), Observation.value < 0)))


BEFORE = {"dog", "tree", "car"}


def test_an_answer_that_was_lost_until_the_label_came_is_older_than_it(
    session: Session, project: Project
) -> None:
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON - MINUTE)
    assert absent(session) == BEFORE


def test_a_page_opened_before_the_label_and_submitted_long_after(session: Session, project: Project) -> None:
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 40 * HOUR, lead_time=(40 * HOUR + MINUTE).total_seconds())
    assert absent(session) == BEFORE


def test_a_labelling_stream_goes_on_with_the_labels_of_its_beginning(
    session: Session, project: Project
) -> None:
    """Each of its answers tells the seconds of its own task alone."""
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 8 * HOUR)
    assert absent(session) == BEFORE


def test_an_answer_of_the_next_day_knows_the_label(session: Session, project: Project) -> None:
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 13 * HOUR)
    assert absent(session) == {*BEFORE, "bird"}


def test_an_answer_without_a_lead_time_tells_nothing_of_later_labels(
    session: Session, project: Project
) -> None:
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 13 * HOUR, lead_time=None)
    assert absent(session) == BEFORE


def test_a_label_of_which_no_moment_is_known_is_told_by_nobody(session: Session, project: Project) -> None:
    adopt_config(session, project, WIDER)
    answer(session, project, NOON + 13 * HOUR)
    assert absent(session) == BEFORE
    date_labels(session, project.id, NOON)
    answer(session, project, NOON + 14 * HOUR, result=marked("dog"), made=NOON + 13 * HOUR)
    assert absent(session) == {"cat", "tree", "car", "bird"}


def test_an_edit_of_the_next_day_knows_the_label(session: Session, project: Project) -> None:
    answer(session, project, NOON - MINUTE)
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 13 * HOUR, made=NOON - MINUTE, result=marked("dog"))
    assert absent(session) == {"cat", "tree", "car", "bird"}


@pytest.mark.parametrize("touch", [{"ground_truth": True}, {}], ids=["a star", "the same again"])
def test_who_touches_an_answer_without_changing_it_says_nothing_new(
    session: Session, project: Project, touch: dict[str, Any]
) -> None:
    answer(session, project, NOON - MINUTE)
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 13 * HOUR, made=NOON - MINUTE, **touch)
    assert absent(session) == BEFORE


def test_of_an_edit_that_alone_is_known_nothing_tells_what_it_changed(
    session: Session, project: Project
) -> None:
    adopt_config(session, project, WIDER, NOON)
    answer(session, project, NOON + 13 * HOUR, made=NOON - MINUTE)
    assert absent(session) == BEFORE


def test_a_label_that_came_back_was_not_there_meanwhile(session: Session, project: Project) -> None:
    adopt_config(session, project, build_config(["cat", "dog", "tree"]), NOON)
    answer(session, project, NOON + HOUR)
    adopt_config(session, project, project.label_config.replace("tree", "car"), NOON + 2 * HOUR)
    adopt_config(session, project, build_config(LABELS), NOON + 3 * HOUR)
    assert absent(session) == {"dog", "tree"}


def test_what_was_said_is_derived_again_as_old_as_it_is(session: Session, project: Project) -> None:
    answer(session, project, NOON - MINUTE)
    adopt_config(session, project, WIDER, NOON)
    replay_project(session, project)
    assert absent(session) == BEFORE


def test_another_answer_that_got_the_number_of_a_deleted_one_knows_nothing_of_it(
    session: Session, project: Project
) -> None:
    """Label Studio on SQLite gives the number of the last annotation, deleted, to an imported one."""
    answer(session, project, NOON - HOUR)
    adopt_config(session, project, build_config(["cat", "dog"]), NOON - MINUTE)
    retire_annotation(session, project, 1)
    adopt_config(session, project, build_config(LABELS), NOON)
    answer(session, project, NOON + HOUR)
    assert absent(session) == {"dog"}
