"""The images of a project follow the tasks of Label Studio; a removed one keeps its history."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, insert, select, update
from sqlalchemy.orm import Session

from annotator.addresses import object_address
from annotator.store.bulk import chunked, rowcount
from annotator.store.models import Annotation, Image
from annotator.store.problems import USABLE, problem_columns
from annotator.store.states import Unusable
from annotator.store.turns import take_turn
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


@dataclass(frozen=True)
class Content:
    """What a picture's file holds: the SHA-256 of its bytes, its size in pixels; and its `file_stamp`."""

    digest: str
    stamp: str
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class KnownImage:
    """What is known of an image; `task` is its number in Label Studio, there or deleted."""

    task: int
    uri: str
    digest: str | None
    whole: bool
    """Whether its bytes were read and nothing was wrong with them."""


def sync_images(
    session: Session,
    project_id: int,
    tasks: Mapping[int, str],
    *,
    complete: bool = False,
    without: Mapping[int, str] | None = None,
) -> ImageChanges:
    """Make an image of every task (task id -> uri). With `complete` those are all: others are removed.

    without: tasks that name no image, with the reason in words; their answers are kept, they are not learned
    from. A task that points to another picture now loses what was known of the old one's bytes.
    """
    reasons = without or {}
    tasks = {**tasks, **dict.fromkeys(reasons, "")}
    take_turn(session, project_id)
    known = {
        row.studio_task: row for row in _of_studio(session, project_id, None if complete else list(tasks))
    }
    new = [
        {"project_id": project_id, "studio_task": task, **_facts(uri, reasons.get(task))}
        for task, uri in tasks.items()
        if task not in known
    ]
    changed = [task for task, uri in tasks.items() if task in known and known[task].uri != uri]
    back = [known[task].id for task in tasks if task in known and known[task].removed_at is not None]
    gone = [task for task, row in known.items() if complete and task not in tasks and row.removed_at is None]

    for piece in chunked(new):
        session.execute(insert(Image), piece)
    if changed:
        facts = [{"id": known[task].id, **_facts(tasks[task], reasons.get(task))} for task in changed]
        session.execute(update(Image), facts)
    if back:
        session.execute(update(Image), [{"id": key, "removed_at": None} for key in back])
    return ImageChanges(len(new), len(back), len(changed), remove_images(session, project_id, gone))


def _facts(uri: str, lacking: str | None) -> dict[str, Any]:
    """The columns of an image of which its address is known and no more; lacking: why it has none."""
    problem = problem_columns(Unusable.NO_ADDRESS, lacking, 1) if lacking is not None else USABLE
    bytes_unknown = {"digest": None, "stamp": None, "width": None, "height": None}
    return {"uri": uri, "object_uri": object_address(uri), **bytes_unknown, **problem}


def remove_images(session: Session, project_id: int, tasks: Collection[int]) -> int:
    """Mark the images of deleted tasks as removed; returns how many were not so already."""
    removed = 0
    for piece in chunked(list(tasks)):
        live = (Image.project_id == project_id, Image.studio_task.in_(piece), Image.removed_at.is_(None))
        removed += rowcount(session, update(Image).where(*live).values(removed_at=utc_now()))
    return removed


def known_tasks(session: Session, project_id: int, tasks: Collection[int]) -> set[int]:
    """Those of these tasks that have or had an image."""
    found: set[int] = set()
    for piece in chunked(list(tasks)):
        known = select(Image.studio_task).where(Image.project_id == project_id, Image.studio_task.in_(piece))
        found.update(task for task in session.scalars(known) if task is not None)
    return found


def known_images(session: Session, project_id: int) -> list[KnownImage]:
    """All images of a project that have or had a task."""
    chosen = select(Image.studio_task, Image.uri, Image.digest, Image.unusable).where(
        Image.project_id == project_id, Image.studio_task.is_not(None)
    )
    return [
        KnownImage(task, uri, digest, digest is not None and unusable is None)
        for task, uri, digest, unusable in session.execute(chosen)
        if task is not None
    ]


def point_images(session: Session, project_id: int, uris: Mapping[int, str]) -> None:
    """Let images have another address (by task) for the same picture: what is known of it stays."""
    for task, uri in uris.items():
        of_task = (Image.project_id == project_id, Image.studio_task == task)
        changed = update(Image).where(*of_task).values(uri=uri, object_uri=object_address(uri))
        session.execute(changed)


def note_contents(session: Session, project_id: int, contents: Mapping[str, Content]) -> int:
    """Record what the files at these addresses hold; returns how many hold another picture than before.

    Those are read again by themselves, and what was wrong with the old picture is forgotten.
    """
    live = (Image.project_id == project_id, Image.removed_at.is_(None))
    renewed = 0
    for image in session.scalars(select(Image).where(*live)).all():
        content = contents.get(image.uri)
        if content is None or (image.digest, image.stamp) == (content.digest, content.stamp):
            continue
        known = image.digest
        image.digest, image.stamp = content.digest, content.stamp
        if content.width is not None:
            image.width, image.height = content.width, content.height
        if known not in (None, content.digest):
            renewed += 1
            image.unusable = image.problem = None
            image.tries, image.try_at = 0, utc_now()
    return renewed


def unanswered_images(session: Session, project_id: int) -> list[int]:
    """Ids of the live images with a task that nobody has answered or skipped yet, ascending."""
    waiting = select(Image.id).where(*_unanswered(project_id))
    return list(session.scalars(waiting.order_by(Image.id)))


def count_images(session: Session, project_id: int) -> int:
    """How many live images a project has."""
    live = Image.project_id == project_id, Image.removed_at.is_(None)
    return session.scalar(select(func.count(Image.id)).where(*live)) or 0


def count_unanswered(session: Session, project_id: int) -> int:
    """How many those are."""
    return session.scalar(select(func.count(Image.id)).where(*_unanswered(project_id))) or 0


def _unanswered(project_id: int) -> tuple[ColumnElement[bool], ...]:
    finished = select(Annotation.id).where(
        Annotation.image_id == Image.id, Annotation.retired_at.is_(None), done()
    )
    return (
        Image.project_id == project_id,
        Image.removed_at.is_(None),
        Image.studio_task.is_not(None),
        ~finished.exists(),
    )


def _of_studio(session: Session, project_id: int, tasks: Sequence[int] | None) -> Iterator[Any]:
    """What is known of these tasks; None for all of the project."""
    of_project = select(Image.id, Image.studio_task, Image.uri, Image.removed_at).where(
        Image.project_id == project_id, Image.studio_task.is_not(None)
    )
    if tasks is None:
        yield from session.execute(of_project)
        return
    for piece in chunked(tasks):
        yield from session.execute(of_project.where(Image.studio_task.in_(piece)))
