"""The images of a project follow the tasks of Label Studio; a removed one keeps its history."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, insert, select, update
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked, rowcount
from annotator.store.models import Annotation, Image, Project
from annotator.store.types import utc_now
from annotator.store.unused import done


@dataclass(frozen=True)
class ImageChanges:
    """How many images came, came back, got another picture, and went."""

    added: int = 0
    restored: int = 0
    changed: int = 0
    removed: int = 0

    def __bool__(self) -> bool:
        return bool(self.added or self.restored or self.changed or self.removed)


def sync_images(
    session: Session, project_id: int, tasks: Mapping[int, str], *, complete: bool = False
) -> ImageChanges:
    """Make an image of every task (task id -> uri). With `complete` those are all: others are removed.

    A task that points to another picture now loses what was known of the old one's bytes.
    """
    # Two processes that see the same tasks take turns here.
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
    known = {row.studio_task: row for row in session.execute(_of_studio(project_id))}
    new = [
        {"project_id": project_id, "studio_task": task, "uri": uri}
        for task, uri in tasks.items()
        if task not in known
    ]
    changed = {known[task].id: uri for task, uri in tasks.items() if task in known and known[task].uri != uri}
    back = [known[task].id for task in tasks if task in known and known[task].removed_at is not None]
    gone = [task for task, row in known.items() if complete and task not in tasks and row.removed_at is None]

    for piece in chunked(new):
        session.execute(insert(Image), piece)
    if changed:
        forgotten = {"digest": None, "width": None, "height": None, "problem": None}
        session.execute(update(Image), [{"id": key, "uri": uri, **forgotten} for key, uri in changed.items()])
    if back:
        session.execute(update(Image), [{"id": key, "removed_at": None} for key in back])
    return ImageChanges(len(new), len(back), len(changed), remove_images(session, project_id, gone))


def remove_images(session: Session, project_id: int, tasks: Collection[int]) -> int:
    """Mark the images of deleted tasks as removed; returns how many were not so already."""
    removed = 0
    for piece in chunked(list(tasks)):
        live = (Image.project_id == project_id, Image.studio_task.in_(piece), Image.removed_at.is_(None))
        removed += rowcount(session, update(Image).where(*live).values(removed_at=utc_now()))
    return removed


def unanswered_images(session: Session, project_id: int) -> list[int]:
    """Ids of the live images with a task that nobody has answered or skipped yet, ascending."""
    finished = select(Annotation.id).where(
        Annotation.image_id == Image.id, Annotation.retired_at.is_(None), done()
    )
    waiting = select(Image.id).where(
        Image.project_id == project_id,
        Image.removed_at.is_(None),
        Image.studio_task.is_not(None),
        ~finished.exists(),
    )
    return list(session.scalars(waiting.order_by(Image.id)))


def _of_studio(project_id: int) -> Select[int, int | None, str, datetime | None]:
    return select(Image.id, Image.studio_task, Image.uri, Image.removed_at).where(
        Image.project_id == project_id, Image.studio_task.is_not(None)
    )
