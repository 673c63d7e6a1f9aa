"""One order of locks for all who write records of a project: first the project, then what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session, SessionTransaction

from annotator.store.models import Project

_TURNS = "onetag_turns"  # of a session: its transactions and savepoints, with the projects locked in each


def take_turn(session: Session, project_id: int) -> None:
    """Wait until no other process writes records of this project, and keep others waiting until the end.

    It comes before every other lock of a transaction that changes a project's images, labels, annotations or
    observations; so two of them never wait for each other. Whoever only refers to the project (an event, a
    label vector) does not wait. SQLite has one writer at a time anyway.

    From then on the session's Project tells what holds: it is read with its lock. Asked for again within the
    transaction, this costs nothing.
    """
    turns = session.info.setdefault(_TURNS, WeakKeyDictionary())
    around = list(_around(session))
    if any(project_id in turns.get(each, ()) for each in around):
        return
    locked = select(Project).where(Project.id == project_id).with_for_update(key_share=True)
    project = session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    # A savepoint that is rolled back lets go of the locks that were taken in it.
    turns.setdefault(next(_around(session)), {})[project_id] = project


def _around(session: Session) -> Iterator[SessionTransaction]:
    """The innermost savepoint that is open, those around it, and the transaction."""
    here = session.get_nested_transaction() or session.get_transaction()
    while here is not None:
        yield here
        here = here.parent
