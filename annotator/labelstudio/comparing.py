"""Pages of tasks and annotations, as Label Studio gives them, compared with the records and taken over.

What is newer by Label Studio's own revision is recorded. Where what it says contradicts that order (a clock
was set back, a backup restored, a star taken away in bulk) it is asked once more, singly: what it says then
wins, unless an event has told otherwise since.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.labelstudio.annotations import record_studio_annotation
from annotator.labelstudio.client import Studio
from annotator.labelstudio.errors import LabelStudioMissing, noting
from annotator.labelstudio.payloads import StudioAnnotation, Task, read, read_annotation
from annotator.labelstudio.sync import image_of_task
from annotator.store import (
    Annotation,
    Before,
    Deletion,
    Image,
    Project,
    Store,
    before_now,
    remove_images,
    retire_annotation,
    sync_images,
)
from annotator.store.bulk import chunked
from annotator.store.types import as_stored

BATCH = 50  # annotations a transaction: a webhook that waits for the database has a second


@dataclass
class ReconcileReport:
    """What differed, and now does not. tasks: that were looked at; full: whether these were all."""

    full: bool = True
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


@dataclass(frozen=True)
class _Known:
    """What an annotation is on record with; its task is None where it was deleted before it came."""

    task: int | None
    live: bool = False
    result: Any = None
    skipped: bool = False
    annotator: str | None = None
    ground_truth: bool = False
    updated_at: datetime | None = None
    on_the_page: bool = False  # and so by a person whom Label Studio does not know

    def says(self, annotation: StudioAnnotation) -> bool:
        """Whether it is recorded just so: then it was derived when it came, and stays."""
        by = self.annotator if self.on_the_page else annotation.annotator
        return self.live and (self.task, self.result, self.skipped, self.annotator, self.ground_truth) == (
            annotation.task,
            as_stored(annotation.result),
            annotation.skipped,
            by,
            annotation.ground_truth,
        )

    def precedes(self, annotation: StudioAnnotation) -> bool:
        """Whether the annotation is an edit of it, or another one that got the number of a deleted one."""
        later = annotation.updated_at if self.live else annotation.made_at
        return self.updated_at is not None and later > self.updated_at


@dataclass
class Comparison:
    """One comparison of a project, filling a report.

    image_field: of the tasks' data; empty where the label config cannot be read. imported_until: what was
    answered before then is imported.
    """

    store: Store
    studio: Studio
    project_id: int
    image_field: str
    report: ReconcileReport
    imported_until: datetime | None = None

    def images(self, page: Sequence[dict[str, Any]]) -> list[int]:
        """Follow the tasks of a page with the images; returns the numbers of all tasks on it."""
        uris: dict[int, str] = {}
        without: dict[int, str] = {}
        seen: list[int] = []
        for sent in page:
            with noting(self.report.problems):
                task = read(Task, sent)
                seen.append(task.id)
                lacking = task.lacks_image(self.image_field)
                if lacking is not None:
                    without[task.id] = lacking
                uris[task.id] = task.image(self.image_field)
        changes = self.store.write(
            lambda session: sync_images(session, self.project_id, uris, without=without)
        )
        self.report.images_added += changes.added + changes.restored
        self.report.images_changed += changes.changed
        return seen

    def answers(self, page: Iterable[dict[str, Any]]) -> list[int]:
        """Record what the tasks of a page were answered; returns the numbers of all annotations on it."""
        sent = self._annotations(page)
        with self.store.reading() as session:
            known = _known(session, self.project_id, [each.id for each in sent])
        fresh: list[tuple[StudioAnnotation, Before | None]] = []
        for annotation in sent:
            was = known.get(annotation.id)
            if was is None or was.precedes(annotation):
                fresh.append((annotation, None))
            elif not was.says(annotation):
                fresh += self._asked_singly(annotation)
        for batch in chunked(fresh, BATCH):
            self._record(batch)
        return [each.id for each in sent]

    def gone_tasks(self, tasks: Collection[int]) -> None:
        """Remove the images of tasks that Label Studio did not give any more."""
        self.report.images_removed += self.store.write(
            lambda session: remove_images(session, self.project_id, tasks)
        )

    def gone_answers(self, numbers: Iterable[int], tell: Callable[[float], None] | None = None) -> None:
        """Retire what Label Studio does not know any more; each is asked for singly."""
        missing = list(numbers)
        for place, number in enumerate(missing, 1):
            try:
                self.studio.annotation(number)
            except LabelStudioMissing:
                self.report.retired += self.store.write(lambda session: self._retire(session, number))  # noqa: B023
            if tell:
                tell(place / len(missing))

    def _annotations(self, page: Iterable[dict[str, Any]]) -> list[StudioAnnotation]:
        found: list[StudioAnnotation] = []
        for task in page:
            for sent in task["annotations"]:
                with noting(self.report.problems):
                    found.append(read_annotation({"task": task["id"], **sent}, task.get("predictions")))
        self.report.annotations += len(found)
        return found

    def _asked_singly(self, listed: StudioAnnotation) -> list[tuple[StudioAnnotation, Before | None]]:
        """What Label Studio says of one annotation now, and what was on record before it was asked."""
        with self.store.reading() as session:
            before = before_now(session, self.project_id, listed.id)
        try:
            sent = self.studio.annotation(listed.id)
        except LabelStudioMissing:
            return []
        fresh: list[tuple[StudioAnnotation, Before | None]] = []
        with noting(self.report.problems):
            now = read_annotation({"task": listed.task, **sent})
            fresh.append((now.model_copy(update={"predictions": listed.predictions}), before))
        return fresh

    def _record(self, batch: Sequence[tuple[StudioAnnotation, Before | None]]) -> None:
        problems: list[str] = []

        def work(session: Session) -> int:
            problems.clear()
            project, recorded = session.get_one(Project, self.project_id), 0
            for annotation, before in batch:
                with noting(problems):
                    image = image_of_task(session, project, annotation.task)
                    imported = self.imported_until is not None and annotation.updated_at < self.imported_until
                    written = record_studio_annotation(
                        *(session, project, image, annotation), before=before, imported=imported
                    )
                    recorded += written is not None
            return recorded

        self.report.recorded += self.store.write(work)
        self.report.problems += problems

    def _retire(self, session: Session, number: int) -> bool:
        return retire_annotation(session, session.get_one(Project, self.project_id), number)


def live_answers(session: Session, project_id: int, tasks: Collection[int] | None = None) -> set[int]:
    """The numbers of the live annotations of these tasks, or of all: those of a deleted task went with it."""
    live = (
        select(Annotation.studio_annotation)
        .join(Image, Image.id == Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.studio_annotation.is_not(None),
            Image.removed_at.is_(None),
        )
    )
    pieces = (
        [live]
        if tasks is None
        else [live.where(Image.studio_task.in_(piece)) for piece in chunked(list(tasks))]
    )
    return {number for piece in pieces for number in session.scalars(piece) if number is not None}


def live_tasks(session: Session, project_id: int) -> set[int]:
    """The tasks of the live images."""
    chosen = select(Image.studio_task).where(Image.project_id == project_id, Image.removed_at.is_(None))
    return {task for task in session.scalars(chosen) if task is not None}


def _known(session: Session, project_id: int, numbers: Sequence[int]) -> dict[int, _Known]:
    """The newest revision on record of each of these annotations."""
    known: dict[int, _Known] = {}
    for piece in chunked(numbers):
        deleted = select(Deletion.studio_annotation).where(
            Deletion.project_id == project_id, Deletion.studio_annotation.in_(piece)
        )
        known |= {number: _Known(None) for number in session.scalars(deleted)}
        revisions = (
            select(Annotation, Image.studio_task)
            .join(Image, Image.id == Annotation.image_id)
            .where(Annotation.project_id == project_id, Annotation.studio_annotation.in_(piece))
            .order_by(Annotation.revision)
        )
        for each, task in session.execute(revisions):
            known[each.studio_annotation or 0] = _Known(
                *(task, each.retired_at is None, each.result, each.skipped, each.annotator),
                each.ground_truth,
                each.updated_at,
                each.page_annotation_id is not None,
            )
    return known
