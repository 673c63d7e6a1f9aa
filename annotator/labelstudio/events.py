"""From the inbox to the records: what each event of Label Studio changes.

Events come in the order of their arrival, but may be missing, doubled, late or malformed. One that is of no
use is kept with the reason, and reconcile finds in Label Studio what it was about. One that fails is tried
again, and then set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.attempts import Allowance, EventOutcome, trying
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
from annotator.store.bulk import chunked
from annotator.store.turns import take_turn

UNUSED = (
    "PROJECT_CREATED",
    "PROJECT_DELETED",
    "LABEL_LINK_CREATED",
    "LABEL_LINK_UPDATED",
    "LABEL_LINK_DELETED",
)
TASKS_TOGETHER = 200  # of one event, in one part


def process_event(session: Session, event: Event, allowance: Allowance | None = None) -> EventOutcome:
    """Bring a recorded event into the records, or as much of it as is allowed: the rest waits.

    Each part of it (an annotation, some tasks) is processed whole or not at all. What is of no use is noted.
    A part that fails has the event tried again; at the last try the parts after it are taken in all the same,
    and the event is set aside. Raises only what the database raises in trouble of its own: that costs no try.
    """
    allowance = allowance or Allowance()
    outcome = EventOutcome(event.project_id)
    if event.parts == 0:
        event.error = None
    work = None
    with trying(session, event, outcome) as opening:
        work = _open(session, event, outcome)
    event.project_id = outcome.project_id
    if opening.again:
        return outcome
    while work is not None and event.parts < len(work.parts):
        with trying(session, event, outcome) as attempt:
            ACTIONS[event.action].take(work, work.parts[event.parts])
        if attempt.again:
            return outcome
        event.parts += 1
        allowance.spend()
        if allowance.used_up and event.parts < len(work.parts):
            return outcome
    finish_event(session, event, outcome.problem)
    return outcome


@dataclass(frozen=True)
class _Work:
    """One event on its way into the records."""

    session: Session
    project: Project
    event: Event
    tasks: Mapping[int, dict[str, Any]]  # that came with annotations
    parts: Sequence[Any]
    outcome: EventOutcome


def _open(session: Session, event: Event, outcome: EventOutcome) -> _Work | None:
    """What there is to do; None for an event that is of no interest. Raises OnetagError for one of no use."""
    if event.action in UNUSED:
        return None
    if event.action not in ACTIONS:
        raise OnetagError(f"The action {event.action!r} is not known here.", "Update onetag.")
    body = read(WebhookBody, event.payload)
    overtaken = event.retried_at is not None or (event.tries > 0 and event.project_id is None)
    project = _project(session, event, body.project)
    outcome.project_id = project.id
    if overtaken:
        outcome.reconcile = True  # its label config is an older one by now, and Label Studio knows the newest
    else:
        _follow_config(session, project, body.project, outcome)
    tasks = {task["id"]: task for task in body.task if isinstance(task.get("id"), int)}
    return _Work(session, project, event, tasks, ACTIONS[event.action].parts(body), outcome)


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


def _follow_config(session: Session, project: Project, sent: SentProject, outcome: EventOutcome) -> None:
    """Every event brings the label config of its moment: follow it, so that a lost edit costs nothing."""
    if sent.label_config is None:
        return
    take_turn(session, project.id)
    known = project.config_at
    if known is not None and sent.updated_at is not None and sent.updated_at < known:
        # The past; unless a clock was set back, and then Label Studio tells.
        outcome.reconcile |= sent.label_config != project.label_config
        return
    if sent.label_config == project.label_config:
        project.config_at = sent.updated_at or known
        return
    with noting(outcome.problems):  # the labels stay as they are; the rest of the event still counts
        outcome.labels = adopt_config(session, project, sent.label_config, sent.updated_at)
        outcome.reconcile |= bool(outcome.labels)


def _sent_annotations(body: WebhookBody) -> Sequence[Any]:
    """One annotation, or a list of them (a bulk action)."""
    if not body.annotation:
        raise OnetagError("The event holds no annotation.", "Reconcile to read it from Label Studio.")
    return body.annotation


def _annotation(work: _Work, sent: Any) -> None:
    session, project = work.session, work.project
    annotation = read_annotation(sent)
    task = work.tasks.get(annotation.task)
    image = image_of_task(session, project, annotation.task, task)
    recorded = record_studio_annotation(session, project, image, annotation)
    work.outcome.changed += recorded is not None
    late = recorded is None and newer_is_known(session, project, annotation.id, annotation.updated_at)
    # What came late, or after a clock was set back, or about another picture: Label Studio tells.
    work.outcome.reconcile |= late or differs(project, image, task)


def _deletion(work: _Work, sent: Any) -> None:
    """Deleted annotations come as ids alone, without their tasks."""
    annotation = read(Deletion, sent).id
    work.outcome.changed += retire_annotation(work.session, work.project, annotation, work.event.received_at)


def _new_tasks(work: _Work, sent: Sequence[Any]) -> None:
    """New tasks. No event tells of annotations that were imported with them: Label Studio has to be asked.

    A known task stays as it is, for the event may have come late: also one that has been deleted since.
    """
    work.outcome.reconcile = True
    uris: dict[int, str] = {}
    without: dict[int, str] = {}
    name = image_field(work.project)
    for each in sent:
        with work.outcome.go_on():
            task = read(Task, each)
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


def _deleted_tasks(work: _Work, sent: Sequence[Any]) -> None:
    remove_images(work.session, work.project.id, _ids(work, sent))


def _nothing_more(_body: WebhookBody) -> Sequence[Any]:
    """The label config, which every event brings, has been followed already."""
    return ()


def _train(work: _Work, _sent: Any) -> None:
    work.outcome.train = True


def _ids(work: _Work, deleted: Iterable[Any]) -> list[int]:
    found: list[int] = []
    for each in deleted:
        with work.outcome.go_on():
            found.append(read(Deletion, each).id)
    return found


@dataclass(frozen=True)
class _Action:
    """The parts that an event of one kind has, and what taking one in is."""

    parts: Callable[[WebhookBody], Sequence[Any]]
    take: Callable[[_Work, Any], None]


_ANNOTATIONS = _Action(_sent_annotations, _annotation)

ACTIONS: Mapping[str, _Action] = {
    "ANNOTATION_CREATED": _ANNOTATIONS,
    "ANNOTATION_UPDATED": _ANNOTATIONS,
    "ANNOTATIONS_CREATED": _ANNOTATIONS,
    "ANNOTATIONS_DELETED": _Action(lambda body: body.annotations, _deletion),
    "TASKS_CREATED": _Action(lambda body: list(chunked(body.tasks, TASKS_TOGETHER)), _new_tasks),
    "TASKS_DELETED": _Action(lambda body: list(chunked(body.tasks, TASKS_TOGETHER)), _deleted_tasks),
    "PROJECT_UPDATED": _Action(_nothing_more, _train),
    "START_TRAINING": _Action(lambda _body: (None,), _train),
}
