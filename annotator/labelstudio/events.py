"""From the inbox to the records: what each event of Label Studio changes.

Events come in the order of their arrival, but may be missing, doubled, late or malformed. One that cannot be
used is kept with the reason, and reconcile finds in Label Studio what it was about.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.errors import noting
from annotator.labelstudio.payloads import Deletion, SentProject, Task, WebhookBody, read, read_annotation
from annotator.labelstudio.projects import Identity, find_project
from annotator.labelstudio.sync import adopt_config, differs, image_field, image_of_task
from annotator.store import (
    Event,
    Project,
    finish_event,
    known_tasks,
    newer_is_known,
    remove_images,
    retire_annotation,
    sync_images,
)
from annotator.store.turns import take_turn

logger = logging.getLogger(__name__)

UNUSED = (
    "PROJECT_CREATED",
    "PROJECT_DELETED",
    "LABEL_LINK_CREATED",
    "LABEL_LINK_UPDATED",
    "LABEL_LINK_DELETED",
)


@dataclass
class EventOutcome:
    """What an event led to: records changed, and what should be done next."""

    project_id: int | None = None
    changed: int = 0  # annotations recorded or retired
    labels: tuple[str, ...] = ()  # labels that came, went or came back
    train: bool = False  # someone pressed Train
    reconcile: bool = False  # Label Studio knows more than the event
    problems: list[str] = field(default_factory=list)  # why the event, or a part of it, could not be used

    @property
    def problem(self) -> str | None:
        """All problems in one line; None when there was none."""
        return " ".join(self.problems) or None

    @contextmanager
    def go_on(self) -> Iterator[None]:
        """Go on after a part that cannot be used, note why, and have Label Studio asked for it."""
        before = len(self.problems)
        with noting(self.problems):
            yield
        self.reconcile = self.reconcile or len(self.problems) > before


def process_event(session: Session, event: Event) -> EventOutcome:
    """Bring a recorded event into the records and mark it as processed, with an error where it was no use.

    All of an event is processed, or nothing. Raises only what the database raises when it is out of reach:
    then the event stays in the inbox.
    """
    outcome = EventOutcome(event.project_id)
    try:
        with session.begin_nested():
            outcome = _process(session, event)
    except OnetagError as error:
        outcome = EventOutcome(event.project_id, reconcile=True, problems=[str(error)])
    except DataError:
        problem = "The event holds values that the database cannot store."
        outcome = EventOutcome(event.project_id, problems=[problem])
    except DBAPIError:
        raise
    except Exception as error:  # whatever was sent must not stop what comes after it
        logger.exception("event %s (%s) could not be used", event.id, event.action)
        problem = f"The event could not be used: {type(error).__name__}."
        outcome = EventOutcome(event.project_id, reconcile=True, problems=[problem])
    finish_event(session, event, outcome.problem)
    return outcome


def _process(session: Session, event: Event) -> EventOutcome:
    if event.action in UNUSED:
        return EventOutcome(event.project_id)
    if event.action not in ACTIONS:
        raise OnetagError(f"The action {event.action!r} is not known here.", "Update onetag.")
    body = read(WebhookBody, event.payload)
    project = _project(session, event, body.project)
    work = _Work(session, project, event, body, EventOutcome(project.id))
    _follow_config(work)
    ACTIONS[event.action](work)
    return work.outcome


def _project(session: Session, event: Event, sent: SentProject) -> Project:
    if event.project_id is not None:
        found = session.get(Project, event.project_id)
        if found is not None:
            return found
    if sent.id is None:
        raise OnetagError("The event names no project.", "Reconcile to read it from Label Studio.")
    known = list(session.scalars(select(Project).where(Project.studio_project == sent.id)))
    if sent.created_at is not None:
        identity = Identity(sent.id, sent.created_at)
        exactly = find_project(session, None, identity)
        known = [exactly] if exactly else [each for each in known if each.studio_created_at is None]
    if len(known) != 1:
        raise OnetagError(
            f"Project {sent.id} of Label Studio is connected {len(known)} times.",
            "Connect it with `onetag connect`, or remove its webhook.",
        )
    return known[0]


@dataclass(frozen=True)
class _Work:
    """One event on its way into the records."""

    session: Session
    project: Project
    event: Event
    body: WebhookBody
    outcome: EventOutcome


def _follow_config(work: _Work) -> None:
    """Every event brings the label config of its moment: follow it, so that a lost edit costs nothing."""
    sent, project = work.body.project, work.project
    if sent.label_config is None:
        return
    take_turn(work.session, project.id)
    work.session.refresh(project)
    known = project.config_at
    if known is not None and sent.updated_at is not None and sent.updated_at < known:
        # The past; unless a clock was set back, and then Label Studio tells.
        work.outcome.reconcile |= sent.label_config != project.label_config
        return
    if sent.label_config == project.label_config:
        project.config_at = sent.updated_at or known
        return
    with noting(work.outcome.problems):  # the labels stay as they are; the rest of the event still counts
        work.outcome.labels = adopt_config(work.session, project, sent.label_config, sent.updated_at)
        work.outcome.reconcile |= bool(work.outcome.labels)


def _annotations(work: _Work) -> None:
    """One annotation with its task, or lists of them (a bulk action)."""
    if not work.body.annotation:
        raise OnetagError("The event holds no annotation.", "Reconcile to read it from Label Studio.")
    tasks = {task["id"]: task for task in work.body.task if isinstance(task.get("id"), int)}
    for sent in work.body.annotation:
        with work.outcome.go_on():
            annotation = read_annotation(sent)
            task = tasks.get(annotation.task)
            image = image_of_task(work.session, work.project, annotation.task, task)
            recorded = record_studio_annotation(work.session, work.project, image, annotation)
            work.outcome.changed += recorded is not None
            late = recorded is None and newer_is_known(
                work.session, work.project, annotation.id, annotation.updated_at
            )
            # What came late, or after a clock was set back, or about another picture: Label Studio tells.
            work.outcome.reconcile |= late or differs(work.project, image, task)


def _deletions(work: _Work) -> None:
    """Deleted annotations come as ids alone, without their tasks."""
    for annotation in _ids(work, work.body.annotations):
        work.outcome.changed += retire_annotation(
            work.session, work.project, annotation, work.event.received_at
        )


def _new_tasks(work: _Work) -> None:
    """New tasks. No event tells of annotations that were imported with them: Label Studio has to be asked.

    A known task stays as it is, for the event may have come late: also one that has been deleted since.
    """
    work.outcome.reconcile = True
    uris: dict[int, str] = {}
    without: dict[int, str] = {}
    name = image_field(work.project)
    for sent in work.body.tasks:
        with work.outcome.go_on():
            task = read(Task, sent)
            lacking = task.lacks_image(name)
            if lacking is not None:
                without[task.id] = lacking
            uris[task.id] = task.image(name)
    known = known_tasks(work.session, work.project.id, {*uris, *without})
    sync_images(
        work.session,
        work.project.id,
        {task: uri for task, uri in uris.items() if task not in known},
        without={task: why for task, why in without.items() if task not in known},
    )


def _deleted_tasks(work: _Work) -> None:
    remove_images(work.session, work.project.id, _ids(work, work.body.tasks))


def _nothing_more(_work: _Work) -> None:
    """The label config, which every event brings, has been followed already."""


def _train(work: _Work) -> None:
    work.outcome.train = True


def _ids(work: _Work, deleted: Iterable[Any]) -> list[int]:
    found: list[int] = []
    for each in deleted:
        with work.outcome.go_on():
            found.append(read(Deletion, each).id)
    return found


ACTIONS: Mapping[str, Callable[[_Work], None]] = {
    "ANNOTATION_CREATED": _annotations,
    "ANNOTATION_UPDATED": _annotations,
    "ANNOTATIONS_CREATED": _annotations,
    "ANNOTATIONS_DELETED": _deletions,
    "TASKS_CREATED": _new_tasks,
    "TASKS_DELETED": _deleted_tasks,
    "PROJECT_UPDATED": _nothing_more,
    "START_TRAINING": _train,
}
