"""The inbox of both engines, drained: what is wrong with one event is no trouble of another project."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from annotator.labelstudio.config import build_config
from annotator.store import (
    Annotation,
    Event,
    EventState,
    Image,
    Label,
    Observation,
    Project,
    Store,
    move_arrivals,
    waiting_counts,
)
from annotator.store import events as rules
from model_backend.worker.inbox import process_inbox
from tests.model_backend.conftest import LABELS

NOON = "2026-11-22T12:00:00Z"
Send = Callable[..., str]


@pytest.fixture
def projects(store: Store, new_project: Callable[..., Project]) -> tuple[Project, Project]:
    """Projects 7 and 8 of Label Studio."""
    return new_project(store, images=4), new_project(store, images=4, number=8)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other without a pause."""
    monkeypatch.setattr(rules, "TRY_AGAIN_AFTER", timedelta(0))


def answer(project: Project, image: int = 1, *, label: str = "", **fields: Any) -> dict[str, Any]:
    """What a webhook says of an answer; `label` joined the label config just now."""
    config = build_config([*LABELS, "ANOTHER"]).replace("ANOTHER", label) if label else build_config(LABELS)
    number = 100 * (project.studio_project or 0) + image
    region = {"from_name": "label", "origin": "manual", "value": {"choices": ["red"]}}
    made = {"id": 10 * number, "task": number, "result": [region], "completed_by": 1, "updated_at": NOON}
    return {
        "project": {"id": project.studio_project, "label_config": config},
        "task": {"id": number, "data": {"image": f"/data/{image}.png"}},
        "annotation": made | fields,
    }


def send(store: Store, project: Project, payload: dict[str, Any], action: str = "ANNOTATION_CREATED") -> None:
    store.inbox.record(action, payload, project.id)


def answered(store: Store, project: Project) -> list[int]:
    """The images, from 1, of which something is known."""
    with store.reading() as session:
        seen = select(Image.studio_task).join(Observation, Observation.image_id == Image.id)
        tasks = session.scalars(seen.where(Image.project_id == project.id)).all()
    return sorted((task or 0) % 100 for task in tasks)


def states(store: Store) -> list[EventState]:
    with store.reading() as session:
        return list(session.scalars(select(Event.state).order_by(Event.id)))


def test_a_label_that_no_index_can_bear_blocks_nothing(
    store: Store, projects: tuple[Project, Project], at_once: None
) -> None:
    """6,000 characters raised `ProgramLimitExceeded` at each drain, for ever, while `doctor` saw nothing."""
    one, other = projects
    long = "".join(chr(0x4E00 + number) for number in range(6000))
    send(store, one, answer(one, 1, label=long))
    send(store, one, answer(one, 2))
    send(store, other, answer(other, 1))
    process_inbox(store)
    assert waiting_counts(store).total() == 0
    assert (answered(store, one), answered(store, other)) == ([1, 2], [1])
    with store.reading() as session:
        error = session.scalars(select(Event.error).where(Event.error.is_not(None))).one()
        assert "more than 600 characters" in (error or "")
        assert set(session.scalars(select(Label.name))) == set(LABELS)


@pytest.mark.parametrize("length", [600, 601])
def test_the_longest_label_that_is_taken_fits_into_the_index(
    store: Store, projects: tuple[Project, Project], length: int
) -> None:
    long = "".join(chr(0x20000 + number) for number in range(length))  # four bytes each, not to be compressed
    send(store, projects[0], answer(projects[0], label=long))
    process_inbox(store)
    with store.reading() as session:
        assert (long in session.scalars(select(Label.name)).all()) is (length == 600)


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


STRANGE: list[dict[str, Any]] = [
    {"completed_by": {"id": "NUL \x00 and half \ud800"}},
    {"result": [{"from_name": "other \x00", "value": {"text": ["\ud83d \x00"]}}]},
    {"result": [{"from_name": "label", "value": {"choices": ["red"]}, "score": 10**4000}]},
    {"result": [{"from_name": "label", "value": {"choices": ["red"]}, "deep": nested(300)}]},
    {"result": [{"from_name": "other", "value": {"text": ["x" * 3_000_000]}}]},
    {"result": [{"from_name": "label", "value": {"choices": ["\x00", "x" * 100_000]}}]},
    {"lead_time": 1e308},
    {"updated_at": "0001-01-01T00:00:00+14:00"},
    {"updated_at": "9999-12-31T23:59:59-14:00"},
    {"prediction": {"id": 2**62, "model_version": "\ud800\x00", "result": []}, "parent_prediction": 2**62},
]


@pytest.mark.parametrize("fields", STRANGE, ids=range(len(STRANGE)))
def test_strange_values_are_taken_in_or_set_aside_and_block_nothing(
    store: Store, projects: tuple[Project, Project], at_once: None, fields: dict[str, Any]
) -> None:
    one, other = projects
    send(store, one, answer(one, 1, **fields))
    send(store, one, answer(one, 2))
    send(store, other, answer(other, 1))
    process_inbox(store)
    assert waiting_counts(store).total() == 0
    assert 2 in answered(store, one)
    assert answered(store, other) == [1]
    with store.reading() as session:
        recorded = session.scalars(select(Annotation).where(Annotation.studio_annotation == 7010)).all()
        first = session.scalars(select(Event).order_by(Event.id)).first()
        assert first is not None
        assert recorded or first.state is EventState.SET_ASIDE or first.error, "nothing goes without a word"
        if recorded and "result" in fields:
            assert recorded[0].result == fields["result"]


def test_one_that_cannot_even_be_read_is_set_aside(
    store: Store, projects: tuple[Project, Project], at_once: None
) -> None:
    one, other = projects
    store.inbox.record("ANNOTATION_CREATED", {}, one.id)
    send(store, other, answer(other, 1))
    move_arrivals(store)
    deep = "[" * (2 * sys.getrecursionlimit()) + "]" * (2 * sys.getrecursionlimit())
    with store.session() as session:
        changed = "UPDATE events SET payload = '" + deep + "' WHERE id = 1"
        session.connection().exec_driver_sql(changed)
    process_inbox(store)
    assert states(store) == [EventState.SET_ASIDE, EventState.DONE]
    assert answered(store, other) == [1]


def test_while_one_is_to_be_tried_again_its_project_waits_and_others_go_on(
    store: Store, projects: tuple[Project, Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = projects
    broken = True

    def adopt(*_given: Any) -> Any:
        raise ZeroDivisionError if broken else RuntimeError

    monkeypatch.setattr("annotator.labelstudio.events.adopt_config", adopt)
    send(store, one, answer(one, 1, label="other"))
    send(store, one, answer(one, 2))
    send(store, other, answer(other, 1))
    assert process_inbox(store).projects == {one.id, other.id}
    assert states(store) == [EventState.WAITING, EventState.WAITING, EventState.DONE]
    assert (answered(store, one), answered(store, other)) == ([], [1])
    monkeypatch.undo()
    monkeypatch.setattr(rules, "TRY_AGAIN_AFTER", timedelta(0))
    process_inbox(store)
    assert states(store) == [EventState.DONE] * 3
    assert 2 in answered(store, one)
