"""`onetag events`: looked at, tried again, dropped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from annotator.commands.events import drop, list_events, retry
from annotator.commands.status import collect
from annotator.errors import OnetagError
from annotator.store import Event, EventState, Project, Store, fail_event, finish_event, record_event
from annotator.store.events import MOST_TRIES


@pytest.fixture
def failed(sqlite_store: Store) -> list[int]:
    """Two events that are set aside, one of a project and one of none."""
    with sqlite_store.session() as session:
        project = Project(title="birds", label_config="")
        session.add(project)
        session.flush()
        for project_id in (project.id, None):
            event = record_event(session, "TASKS_CREATED", {}, project_id)
            for _ in range(MOST_TRIES):
                fail_event(session, event, "It could not be taken in: ProgramLimitExceeded.")
            finish_event(session, event)
    return [1, 2]


def states(store: Store) -> list[EventState]:
    with store.reading() as session:
        return [event.state for event in session.query(Event).order_by(Event.id)]


def test_they_are_listed_with_what_went_wrong(
    failed: list[int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    list_events(data_dir=tmp_path, database_url=None, json=True)
    first, second = json.loads(capsys.readouterr().out)
    assert (first["id"], first["project"], second["project"]) == (1, "p1", None)
    assert (first["action"], first["tries"]) == ("TASKS_CREATED", 3)
    assert "ProgramLimitExceeded" in first["error"]
    list_events(data_dir=tmp_path, database_url=None, json=False)
    assert "TASKS_CREATED" in capsys.readouterr().out


def test_status_tells_of_them(failed: list[int], sqlite_store: Store) -> None:
    (row,) = collect(sqlite_store)
    assert (row["events_waiting"], row["events_set_aside"]) == (0, 1)
    assert "ProgramLimitExceeded" in row["events_set_aside_error"]


def test_they_are_tried_again(
    failed: list[int], sqlite_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    retry(data_dir=tmp_path, database_url=None, ids=[2], json=True)
    assert json.loads(capsys.readouterr().out) == {"retried": 1}
    assert states(sqlite_store) == ["set aside", "waiting"]
    retry(data_dir=tmp_path, database_url=None, ids=None, json=False)
    assert states(sqlite_store) == ["waiting", "waiting"]
    list_events(data_dir=tmp_path, database_url=None, json=False)
    assert "No event is set aside." in capsys.readouterr().out


def test_dropping_asks_first(
    failed: list[int], sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(text: str, **_: object) -> None:
        asked.append(text)
        raise typer.Abort

    monkeypatch.setattr(typer, "confirm", refuse)
    with pytest.raises(typer.Abort):
        drop(data_dir=tmp_path, database_url=None, ids=[1], every=False, yes=False, json=False)
    assert asked == ["1 events will never be taken in. Go on?"]
    assert states(sqlite_store) == ["set aside", "set aside"]
    drop(data_dir=tmp_path, database_url=None, ids=[1], every=False, yes=True, json=False)
    assert states(sqlite_store) == ["dropped", "set aside"]
    drop(data_dir=tmp_path, database_url=None, ids=None, every=True, yes=True, json=False)
    assert states(sqlite_store) == ["dropped", "dropped"]


def test_which_ones_has_to_be_said_and_they_must_be_set_aside(failed: list[int], tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="--all"):
        drop(data_dir=tmp_path, database_url=None, ids=None, every=False, yes=True, json=False)
    with pytest.raises(OnetagError, match="Not set aside: 77, 99"):
        retry(data_dir=tmp_path, database_url=None, ids=[1, 99, 77], json=False)
