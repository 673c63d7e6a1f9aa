"""What webhooks lost or never sent, found by comparing with Label Studio: imports, deletions, downtime.

The API is read first and the records are changed afterwards, in short transactions: while Label Studio
answers slowly, nobody waits for the database.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.errors import LabelStudioMissing, noting
from annotator.labelstudio.payloads import StudioAnnotation, Task, read, read_annotation
from annotator.labelstudio.projects import Identity, identity_of, same_moment
from annotator.labelstudio.reading import chosen_of
from annotator.labelstudio.sync import adopt_config, image_of_task
from annotator.store import (
    Annotation,
    Before,
    Deletion,
    Image,
    Project,
    Store,
    remove_images,
    retire_annotation,
    sync_images,
)
from annotator.store.types import as_stored, utc_now

logger = logging.getLogger(__name__)

BATCH = 50  # annotations a transaction: a webhook that waits for the database has a second
ReconcileProgress = Callable[[str, float], None]
"""Takes the stage and the share of it that is done, 0..1."""


@dataclass
class ReconcileReport:
    """What differed, and now does not."""

    tasks: int = 0
    images_added: int = 0
    images_removed: int = 0
    images_changed: int = 0
    annotations: int = 0
    recorded: int = 0
    retired: int = 0
    labels: tuple[str, ...] = ()
    problems: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether anything had been missed."""
        return bool(
            self.images_added
            or self.images_removed
            or self.images_changed
            or self.recorded
            or self.retired
            or self.labels
        )


@dataclass
class _Studio:
    """What Label Studio holds of a project."""

    label_config: str
    made: datetime | None  # when
    image_field: str  # empty where the config cannot be read
    seen: set[int]  # tasks
    uris: dict[int, str]  # of those that have an image
    without: dict[int, str]  # why the others have none
    annotations: list[StudioAnnotation]


@dataclass(frozen=True)
class _Known:
    """What a live annotation was recorded with."""

    image_id: int
    task: int
    result: list[Any]
    skipped: bool
    annotator: str | None
    ground_truth: bool


def reconcile(
    store: Store,
    studio: Studio,
    project_id: int,
    progress: ReconcileProgress | None = None,
    *,
    imported: bool = False,
) -> ReconcileReport:
    """Make the records of a project what its Label Studio says, as its webhooks would have.

    `imported`: what is there was answered before the project was connected. Doing it again changes nothing.
    Raises LabelStudioError when Label Studio cannot be read.
    """
    tell = progress or (lambda _stage, _share: None)
    report = ReconcileReport()
    with store.reading() as session:
        identity, chosen = _studio_project(session, project_id)
        known, known_tasks = _known(session, project_id), _known_tasks(session, project_id)
        before = _before(session, project_id)
    there = _read(studio, identity, chosen, report, tell)
    with store.session() as session:
        _follow_project(session, project_id, known_tasks, there, report)
    fresh = [each for each in there.annotations if not _recorded(known.get(each.id), each)]
    for start in range(0, len(fresh), BATCH):
        with store.session() as session:
            batch = fresh[start : start + BATCH]
            _record_all(session, project_id, batch, before, report, imported=imported)
        tell("recording", min(1.0, (start + BATCH) / len(fresh)))
    gone = sorted(known.keys() - {each.id for each in there.annotations})
    _retire_missing(store, studio, project_id, gone, report)
    if report:
        logger.info("project %s reconciled: %s", project_id, report)
    return report


def _studio_project(session: Session, project_id: int) -> tuple[Identity, Chosen]:
    project = session.get(Project, project_id)
    if project is None or project.studio_project is None:
        raise OnetagError(
            f"Project {project_id} is not connected to a Label Studio.", "Run `onetag connect`."
        )
    return Identity(project.studio_project, project.studio_created_at), chosen_of(project)


def _known(session: Session, project_id: int) -> dict[int, _Known]:
    live = (
        select(Annotation, Image.studio_task)
        .join(Image, Image.id == Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.studio_annotation.is_not(None),
            Image.removed_at.is_(None),  # the annotations of a deleted task went with it, unretired
        )
    )
    return {
        each.studio_annotation or 0: _Known(
            each.image_id, task or 0, each.result, each.skipped, each.annotator, each.ground_truth
        )
        for each, task in session.execute(live)
    }


def _before(session: Session, project_id: int) -> dict[int, Before]:
    """What is on record of every annotation before Label Studio is read, by its number."""
    deleted = select(Deletion.studio_annotation).where(Deletion.project_id == project_id)
    revisions = select(Annotation.studio_annotation, Annotation.id, Annotation.retired_at).where(
        Annotation.project_id == project_id, Annotation.studio_annotation.is_not(None)
    )
    remembered = {number: Before(deleted=True) for number in session.scalars(deleted)}
    return remembered | {
        number: Before(newest, live=retired_at is None)
        for number, newest, retired_at in session.execute(revisions.order_by(Annotation.revision))
        if number is not None
    }


def _known_tasks(session: Session, project_id: int) -> set[int]:
    """Tasks known before Label Studio is read: one that comes meanwhile is not taken for deleted."""
    chosen = select(Image.studio_task).where(Image.project_id == project_id, Image.removed_at.is_(None))
    return {task for task in session.scalars(chosen) if task is not None}


def _read(
    studio: Studio, identity: Identity, chosen: Chosen, report: ReconcileReport, tell: ReconcileProgress
) -> _Studio:
    number, sent = identity.number, studio.project(identity.number)
    made = identity_of(sent).made
    if identity.made and made and not same_moment(identity.made, made):
        raise OnetagError(
            f"Project {number} at {studio.url} is another one than that which is recorded here.",
            f"Run `onetag connect --project {number}`: it keeps the records of both, each by itself.",
        )
    config = str(sent["label_config"])
    field_name = _image_field(config, chosen)
    there = _Studio(config, made, field_name, set(), {}, {}, [])
    for sent in studio.tasks(number) if field_name else ():
        report.tasks += 1
        with noting(report.problems):
            task = read(Task, sent)
            there.seen.add(task.id)
            lacking = task.lacks_image(field_name)
            if lacking is not None:
                there.without[task.id] = lacking
            there.uris[task.id] = task.image(field_name)
    tell("reading annotations", 0.0)
    for annotated in studio.annotated_tasks(number):
        for sent in annotated["annotations"]:
            with noting(report.problems):
                annotation = read_annotation({"task": annotated["id"], **sent}, annotated.get("predictions"))
                there.annotations.append(annotation)
    report.annotations = len(there.annotations)
    tell("reading annotations", 1.0)
    return there


def _image_field(label_config: str, chosen: Chosen) -> str:
    try:
        return parse_config(label_config, chosen).image_field
    except OnetagError:
        return ""  # told of when the config is followed; until it is mended the tasks stay as they are known


def _follow_project(
    session: Session, project_id: int, known_tasks: set[int], there: _Studio, report: ReconcileReport
) -> None:
    project = session.get_one(Project, project_id)
    project.studio_created_at = there.made or project.studio_created_at
    if there.label_config != project.label_config:
        with noting(report.problems):
            report.labels = adopt_config(session, project, there.label_config)
    if there.image_field:
        changes = sync_images(session, project_id, there.uris, without=there.without)
        report.images_added, report.images_changed = changes.added + changes.restored, changes.changed
        report.images_removed = remove_images(session, project_id, known_tasks - there.seen)


def _recorded(known: _Known | None, annotation: StudioAnnotation) -> bool:
    """Whether an annotation is recorded just so: then it was derived when it came, and stays."""
    return known is not None and (
        *(known.task, known.result, known.skipped, known.annotator, known.ground_truth),
    ) == (
        annotation.task,
        as_stored(annotation.result),
        annotation.skipped,
        annotation.annotator,
        annotation.ground_truth,
    )


def _record_all(
    session: Session,
    project_id: int,
    batch: Sequence[StudioAnnotation],
    before: Mapping[int, Before],
    report: ReconcileReport,
    *,
    imported: bool,
) -> None:
    project = session.get_one(Project, project_id)
    for annotation in batch:
        with noting(report.problems):
            image = image_of_task(session, project, annotation.task)
            written = record_studio_annotation(
                *(session, project, image, annotation),
                new_labels=report.labels,
                before=before.get(annotation.id, Before()),
                imported=imported and annotation.updated_at < project.created_at,
            )
            report.recorded += written is not None


def _retire_missing(
    store: Store, studio: Studio, project_id: int, gone: Sequence[int], report: ReconcileReport
) -> None:
    """Retire what Label Studio does not know any more; asked for singly, for pages shift while one reads."""
    for annotation in gone:
        try:
            studio.annotation(annotation)
        except LabelStudioMissing:
            with store.session() as session:
                project = session.get_one(Project, project_id)
                report.retired += retire_annotation(session, project, annotation, utc_now(), certain=True)
