"""One project of Label Studio is one project of the store, whatever its address, and two are two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config
from annotator.labelstudio.projects import (
    Identity,
    Recognised,
    find_project,
    get_or_create_project,
    recognise_project,
    tasks_tell,
)
from annotator.store import Project, sync_images

MADE = datetime(2026, 11, 28, 14, 29, 36, 478880, tzinfo=UTC)
LABELS = ("cat", "dog")
TASKS = {11: "/data/a.png", 12: "/data/b.png", 13: "/data/c.png"}
OLD, NEW = "http://127.0.0.1:8080", "http://127.0.0.1:8081"


def sent(number: int = 1, made: datetime | None = MADE, **fields: Any) -> dict[str, Any]:
    """A project as Label Studio's API gives it."""
    created = {"created_at": made.isoformat().replace("+00:00", "Z")} if made else {}
    return {"id": number, "title": "birds", "label_config": build_config(LABELS)} | created | fields


def met(session: Session, url: str, tasks: dict[int, str] | None = None, **fields: Any) -> Recognised:
    own = fields.pop("own", False)
    return recognise_project(session, url, sent(**fields), tasks or {}, own=own)


def recorded_before_moments(session: Session, url: str | None, tasks: dict[int, str]) -> Project:
    """A project as an earlier release recorded it."""
    project = Project(studio_url=url, studio_project=1, title="birds", label_config="", created_at=MADE)
    session.add(project)
    session.flush()
    sync_images(session, project.id, tasks)
    return project


def projects(session: Session) -> list[tuple[str | None, int | None]]:
    rows = session.scalars(select(Project).order_by(Project.id))
    return [(row.studio_url, row.studio_project) for row in rows]


def test_at_another_address_it_is_moved_with_its_records_and_said(session: Session) -> None:
    first = met(session, OLD).project
    sync_images(session, first.id, TASKS)
    moved = met(session, f"{NEW}/")
    assert moved.project.id == first.id
    assert projects(session) == [(NEW, 1)]
    assert OLD in moved.notes[0]
    assert met(session, NEW).notes == ()


def test_projects_made_at_another_moment_are_others(session: Session) -> None:
    met(session, OLD)
    met(session, NEW, made=MADE + timedelta(days=1))
    assert projects(session) == [(OLD, 1), (NEW, 1)]


def test_another_project_at_the_same_address_and_number_keeps_its_records_apart(session: Session) -> None:
    """Label Studio was set up anew at this address."""
    first = met(session, OLD).project
    again = met(session, OLD, made=MADE + timedelta(days=1))
    assert again.project.id != first.id
    assert projects(session) == [(None, 1), (OLD, 1)]
    assert first.key in again.notes[0]
    assert met(session, NEW).project.id == first.id, "and it is found again wherever it turns up"


@pytest.mark.parametrize("url", [OLD, None])
def test_what_an_earlier_release_recorded_is_told_by_its_tasks(session: Session, url: str | None) -> None:
    old = recorded_before_moments(session, url, TASKS)
    assert tasks_tell(session, 1)
    moved = met(session, NEW, TASKS | {14: "/data/d.png"})
    assert moved.project.id == old.id
    assert moved.project.studio_created_at == MADE
    assert not tasks_tell(session, 1)


@pytest.mark.parametrize(
    ("tasks", "made"),
    [
        ({11: "/data/other.png", 12: "/data/b.png", 13: "/x"}, MADE),
        ({99: "/data/a.png"}, MADE),
        (TASKS, MADE + timedelta(days=1)),
    ],
    ids=["other images", "other tasks", "made after it was recorded"],
)
def test_what_has_other_tasks_or_was_made_later_is_another_project(
    session: Session, tasks: dict[int, str], made: datetime
) -> None:
    old = recorded_before_moments(session, OLD, TASKS)
    assert met(session, NEW, tasks, made=made).project.id != old.id


def test_the_own_label_studio_is_the_same_at_every_port(session: Session) -> None:
    old = recorded_before_moments(session, OLD, {})
    assert met(session, NEW, own=True).project.id == old.id
    with_other_images = recorded_before_moments(session, "http://localhost:9999", {11: "/x", 12: "/y"})
    assert met(session, NEW, {11: "/a", 12: "/b"}, own=True).project.id == old.id != with_other_images.id


def test_two_records_of_one_project_become_one(session: Session) -> None:
    """The state that an earlier release left after `up` with another --studio-port."""
    first = recorded_before_moments(session, OLD, {11: "/data/a.png", 12: "/data/b.png"})
    second = recorded_before_moments(session, NEW, TASKS)
    key = second.key
    merged = met(session, NEW, TASKS, own=True)
    assert projects(session) == [(NEW, 1)]
    assert merged.project.id == first.id
    assert key in merged.notes[0]


def test_a_project_is_found_by_its_moment_whatever_the_address(session: Session) -> None:
    project = met(session, OLD).project
    to_the_second = Identity(1, MADE.replace(microsecond=0))
    assert find_project(session, None, to_the_second) is project
    assert find_project(session, NEW, to_the_second) is project
    assert find_project(session, f"{OLD}/", Identity(1)) is project
    assert find_project(session, NEW, Identity(1)) is None
    assert find_project(session, None, Identity(1)) is None
    assert find_project(session, OLD, Identity(1, MADE + timedelta(seconds=5))) is None
    assert find_project(session, OLD, Identity(2)) is None


def test_a_project_is_made_once_and_follows_its_config(session: Session) -> None:
    first = get_or_create_project(session, OLD, Identity(1, MADE), build_config(LABELS))
    again = get_or_create_project(session, OLD, Identity(1), build_config(["cat", "bird"]))
    assert again is first
    assert "bird" in first.label_config


def test_a_config_without_our_controls_changes_nothing(session: Session) -> None:
    with pytest.raises(OnetagError, match="lacks"):
        met(session, OLD, label_config="<View/>")
    assert projects(session) == []
