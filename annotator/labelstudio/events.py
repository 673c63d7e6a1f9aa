"""From the inbox to the records: what each event of Label Studio changes.

Events come in the order of their arrival, but may be missing, doubled, late or malformed. One that cannot be
used is kept with the reason, and reconcile finds in Label Studio what it would have told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import number, read_annotation, record_studio_annotation
from annotator.labelstudio.errors import noting
from annotator.labelstudio.sync import adopt_config, image_field, image_of_task, image_uri
from annotator.store import (
    Event,
    Project,
    finish_event,
    remove_images,
    retire_annotation,
    sync_images,
)

logger = logging.getLogger(__name__)

UNUSED = (
    "PROJECT_CREATED",
    "PROJECT_DELETED",
    "LABEL_LINK_CREATED",
    "LABEL_LINK_UPDATED",
    "LABEL_LINK_DELETED",
)


@dataclass(frozen=True)
class EventOutcome:
    """What an event led to: records changed, and what should be done next."""

    project_id: int | None = None
    changed: int = 0  # annotations recorded or retired
    labels: tuple[str, ...] = ()  # labels that came, went or came back
    train: bool = False  # someone pressed Train
    reconcile: bool = False  # Label Studio knows more than the event told
    problem: str | None = None  # why the event, or a part of it, could not be used


@dataclass
class _Told:
    """What is gathered while one event is taken in."""

    changed: int = 0
    labels: tuple[str, ...] = ()
    train: bool = False
    reconcile: bool = False
    problems: list[str] = field(default_factory=list)


def process_event(session: Session, event: Event) -> EventOutcome:
    """Bring a recorded event into the records and mark it as processed, with an error where it was no use.

    All of an event is taken in, or nothing. Raises only what the database raises when it is out of reach:
    then the event stays in the inbox.
    """
    outcome = EventOutcome(event.project_id)
    try:
        with session.begin_nested():
            outcome = _process(session, event)
    except OnetagError as error:
        outcome = replace(outcome, reconcile=True, problem=str(error))
    except DataError:
        outcome = replace(outcome, problem="The event holds values that the database cannot store.")
    except DBAPIError:
        raise
    except Exception as error:  # whatever was sent must not stop what comes after it
        logger.exception("event %s (%s) could not be used", event.id, event.action)
        outcome = replace(
            outcome, reconcile=True, problem=f"The event could not be used: {type(error).__name__}."
        )
    finish_event(session, event, outcome.problem)
    return outcome


def _process(session: Session, event: Event) -> EventOutcome:
    if event.action in UNUSED:
        return EventOutcome(event.project_id)
    takers = {
        "ANNOTATION_CREATED": _annotations,
        "ANNOTATION_UPDATED": _annotations,
        "ANNOTATIONS_CREATED": _annotations,
        "ANNOTATIONS_DELETED": _deletions,
        "TASKS_CREATED": _new_tasks,
        "TASKS_DELETED": _gone_tasks,
        "PROJECT_UPDATED": _nothing_more,
        "START_TRAINING": _train,
    }
    if event.action not in takers:
        raise OnetagError(f"The action {event.action!r} is not known here.", "Update onetag.")
    payload = event.payload if isinstance(event.payload, dict) else {}
    project = _project(session, event, payload)
    told = _Told()
    _adopt_config(session, project, payload, told)
    takers[event.action](session, project, event, payload, told)
    return EventOutcome(
        project_id=project.id,
        changed=told.changed,
        labels=told.labels,
        train=told.train,
        reconcile=told.reconcile,
        problem=" ".join(told.problems) or None,
    )


def _project(session: Session, event: Event, payload: Mapping[str, Any]) -> Project:
    if event.project_id is not None:
        found = session.get(Project, event.project_id)
        if found is not None:
            return found
    sent = payload.get("project")
    studio = number(sent.get("id") if isinstance(sent, dict) else sent, "project")
    known = list(session.scalars(select(Project).where(Project.studio_project == studio)))
    if len(known) != 1:
        raise OnetagError(
            f"Project {studio} of Label Studio is connected {len(known)} times.",
            "Connect it with `onetag connect`, or remove its webhook.",
        )
    return known[0]


def _adopt_config(session: Session, project: Project, payload: Mapping[str, Any], told: _Told) -> None:
    """Every event brings the label config of its moment: follow it, so that a lost edit costs nothing."""
    sent = payload.get("project")
    config = sent.get("label_config") if isinstance(sent, dict) else None
    if not isinstance(config, str) or config == project.label_config:
        return
    try:
        told.labels = adopt_config(session, project, config)
        told.reconcile = told.reconcile or bool(told.labels)
    except OnetagError as error:
        told.problems.append(str(error))  # the labels stay as they are; the rest of the event still counts


def _annotations(
    session: Session, project: Project, _event: Event, payload: Mapping[str, Any], told: _Told
) -> None:
    """One annotation with its task, or lists of them (a bulk action)."""
    annotations, tasks = _listed(payload.get("annotation")), _listed(payload.get("task"))
    if not annotations:
        raise OnetagError("The event holds no annotation.", "Reconcile to read it from Label Studio.")
    by_id = {task.get("id"): task for task in tasks if task}
    for sent in annotations:
        with _going_on(told):
            annotation = read_annotation(sent)
            image = image_of_task(session, project, annotation.task, by_id.get(annotation.task))
            told.changed += (
                record_studio_annotation(session, project, image, annotation, young=told.labels) is not None
            )


def _deletions(
    session: Session, project: Project, event: Event, payload: Mapping[str, Any], told: _Told
) -> None:
    """Deleted annotations come as ids alone, without their tasks."""
    for annotation in _ids(payload.get("annotations"), "annotation", told):
        told.changed += retire_annotation(session, project, annotation, event.received_at)


def _new_tasks(
    session: Session, project: Project, _event: Event, payload: Mapping[str, Any], told: _Told
) -> None:
    """New tasks. Annotations imported with them are not told of, so Label Studio has to be asked."""
    told.reconcile = True
    uris: dict[int, str] = {}
    name = image_field(project)
    for task in _listed(payload.get("tasks")):
        with _going_on(told):
            uris[number(task.get("id"), "task")] = image_uri(task, name)
    sync_images(session, project.id, uris)


def _gone_tasks(
    session: Session, project: Project, _event: Event, payload: Mapping[str, Any], told: _Told
) -> None:
    remove_images(session, project.id, _ids(payload.get("tasks"), "task", told))


def _nothing_more(*_told: Any) -> None:
    """The label config, which every event brings, has been followed already."""


def _train(
    _session: Session, _project: Project, _event: Event, _payload: Mapping[str, Any], told: _Told
) -> None:
    told.train = True


def _ids(sent: Any, what: str, told: _Told) -> list[int]:
    found: list[int] = []
    for each in _listed(sent):
        with _going_on(told):
            found.append(number(each.get("id"), what))
    return found


def _listed(sent: Any) -> list[Any]:
    """What was sent as a list of objects, also where one came alone; what is none becomes an empty one."""
    items = sent if isinstance(sent, list) else [] if sent is None else [sent]
    return [each if isinstance(each, dict) else {} for each in items]


@contextmanager
def _going_on(told: _Told) -> Iterator[None]:
    """Go on after a part that cannot be used, note why, and have Label Studio asked for it."""
    known = len(told.problems)
    with noting(told.problems):
        yield
    told.reconcile = told.reconcile or len(told.problems) > known
