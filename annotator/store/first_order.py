"""The order of a project's first questions, before it has a version: when it is due, and of which images."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from annotator.store.models import Image, Project, TrainingRun
from annotator.store.types import utc_now


def first_orders_due(session: Session, studio_url: str, before: datetime) -> Sequence[int]:
    """The projects of a Label Studio, by id, whose first questions have no order yet.

    They have no version, no training that waits or runs, and images, of which none came after `before`:
    while they are still being imported, those that are there are not all kinds.
    """
    newest = (
        select(Image.project_id, func.max(Image.created_at).label("at"))
        .where(Image.removed_at.is_(None), Image.studio_task.is_not(None))
        .group_by(Image.project_id)
        .subquery()
    )
    trained = select(TrainingRun.id).where(TrainingRun.project_id == Project.id)
    chosen = (
        select(Project.id)
        .join(newest, newest.c.project_id == Project.id)
        .where(
            Project.studio_url == studio_url,
            Project.studio_project.is_not(None),
            Project.active_version_id.is_(None),
            Project.ordered_at.is_(None),
            newest.c.at <= before,
            ~trained.exists(),
        )
    )
    return session.scalars(chosen.order_by(Project.id)).all()


def tasks_of_images(session: Session, project_id: int) -> dict[int, int]:
    """The task of each live image of a project, by image."""
    live = Image.project_id == project_id, Image.removed_at.is_(None), Image.studio_task.is_not(None)
    return {
        row.id: row.studio_task for row in session.execute(select(Image.id, Image.studio_task).where(*live))
    }


def note_first_order(session: Session, project_id: int) -> None:
    """Note that the first questions of a project have their order."""
    session.execute(update(Project).where(Project.id == project_id).values(ordered_at=utc_now()))
