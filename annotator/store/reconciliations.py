"""How far each project has been compared with Label Studio, and what the store counts of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Image, Reconciliation
from annotator.store.turns import take_turn
from annotator.store.types import utc_now


@dataclass(frozen=True)
class Counts:
    """Tasks, and answers to them, skips among these."""

    tasks: int
    answers: int

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.tasks - other.tasks, self.answers - other.answers)


def counts_on_record(session: Session, project_id: int) -> Counts:
    """The live images with a task, and the live annotations of these that have a number."""
    of_project = Image.project_id == project_id, Image.removed_at.is_(None), Image.studio_task.is_not(None)
    answers = (
        select(func.count())
        .select_from(Annotation)
        .join(Image, Image.id == Annotation.image_id)
        .where(*of_project, Annotation.retired_at.is_(None), Annotation.studio_annotation.is_not(None))
    )
    tasks = select(func.count(Image.id)).where(*of_project)
    return Counts(session.scalar(tasks) or 0, session.scalar(answers) or 0)


def last_reconciliation(session: Session, project_id: int) -> Reconciliation | None:
    """How far a project was compared; None when it was not, or when all of it has to be compared again."""
    return session.get(Reconciliation, project_id)


def note_reconciliation(
    session: Session, project_id: int, until: datetime | None, *, apart: Counts | None = None
) -> None:
    """Note that what is older than `until`, by Label Studio's clock, has been compared.

    apart: given when everything was; what Label Studio counted more than is on record.
    """
    take_turn(session, project_id)
    now, row = utc_now(), session.get(Reconciliation, project_id)
    if apart is not None:
        if row is None:
            row = Reconciliation(project_id=project_id)
            session.add(row)
        row.full_at, row.tasks_apart, row.answers_apart = now, apart.tasks, apart.answers
    if row is not None:  # else it was asked for a full one meanwhile
        row.until, row.done_at = until, now


def forget_reconciliation(session: Session, project_id: int) -> None:
    """Have everything compared the next time."""
    session.execute(delete(Reconciliation).where(Reconciliation.project_id == project_id))
