"""One order of locks for all who write records of a project: first the project, then what belongs to it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import Project


def take_turn(session: Session, project_id: int) -> None:
    """Wait until no other process writes records of this project, and keep others waiting until the end.

    It comes before every other lock of a transaction that changes a project's images, labels, annotations or
    observations; so two of them never wait for each other. Whoever only refers to the project (an event, a
    label vector) does not wait. SQLite has one writer at a time anyway.
    """
    session.execute(select(Project.id).where(Project.id == project_id).with_for_update(key_share=True))
