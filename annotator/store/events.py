"""Events among the records: they wait in the order of their arrival, and each ends in one of four states.

One that fails holds up the later ones of its project until it was tried `MOST_TRIES` times; then it is set
aside, whole, and they go on. Those of other projects never wait for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from annotator.release import release
from annotator.store.bulk import insert_missing, rowcount
from annotator.store.engine import Store
from annotator.store.models import Event, Project
from annotator.store.states import EventState
from annotator.store.types import JsonText, utc_now

MOST_TRIES = 3
TRY_AGAIN_AFTER = timedelta(seconds=5)
"""Between two tries, for what passes by itself."""


def record_event(
    session: Session, action: str, payload: dict[str, Any], project_id: int | None = None
) -> Event:
    """Put an event among the records at once. `payload` must hold no token any more."""
    event = Event(project_id=project_id, action=action, payload=payload)
    session.add(event)
    session.flush()
    return event


def move_arrivals(store: Store) -> int:
    """Move the oldest arrivals of the inbox among the events; how many there were.

    Killed anywhere, and by several at once, it moves each once: an event's key is there already, or not.
    """
    arrivals = store.inbox.oldest()
    if not arrivals:
        return 0
    with store.session() as session:
        known = set(session.scalars(select(Project.id)))  # two projects may have become one since
        names = ("key", "action", "received_at")
        rows = [
            {name: getattr(each, name) for name in names}
            | {"payload": JsonText(each.payload)}
            | {"project_id": each.project_id if each.project_id in known else None}
            for each in arrivals
        ]
        insert_missing(session, Event, rows, on="key")
    store.inbox.forget([each.key for each in arrivals])
    return len(arrivals)


def waiting_events(session: Session, limit: int = 100) -> list[Event]:
    """The oldest events whose turn it is, in order of arrival; another process waits for this one."""
    failed = aliased(Event)
    just_now = utc_now() - TRY_AGAIN_AFTER
    held = select(failed.project_id).where(
        failed.state == EventState.WAITING,
        failed.parts == 0,
        failed.tried_at > just_now,
        failed.project_id.is_not(None),
    )
    waiting = select(Event).where(
        Event.state == EventState.WAITING,
        or_(Event.project_id.is_(None), Event.project_id.not_in(held)),
        or_(Event.tried_at.is_(None), Event.tried_at <= just_now, Event.parts > 0),
    )
    return list(session.scalars(waiting.order_by(Event.id).limit(limit).with_for_update(of=Event)))


def finish_event(session: Session, event: Event, error: str | None = None) -> None:
    """End an event: as done, with what was of no use in `error`, or set aside where it failed too often."""
    given_up = event.tries >= MOST_TRIES
    event.state = EventState.SET_ASIDE if given_up else EventState.DONE
    event.processed_at = None if given_up else utc_now()
    event.error = " ".join(each for each in (event.error, error) if each) or None
    session.flush()


def fail_event(session: Session, event: Event, error: str) -> bool:
    """Note that an event, or a part of it, could not be taken in; says whether it is to be tried again."""
    event.tries += 1
    event.tried_at, event.tried_by, event.error = utc_now(), release(), error
    again = event.tries < MOST_TRIES
    if again:
        event.parts = 0
    session.flush()
    return again


@dataclass(frozen=True)
class SetAside:
    """How many events of one project are set aside, and why the newest of them is."""

    count: int
    error: str


def set_aside(session: Session) -> dict[int | None, SetAside]:
    """What is set aside, by project."""
    counted = (
        select(Event.project_id, func.count(), func.max(Event.id))
        .where(Event.state == EventState.SET_ASIDE)
        .group_by(Event.project_id)
    )
    return {
        project_id: SetAside(count, session.get_one(Event, newest).error or "")
        for project_id, count, newest in session.execute(counted).all()
    }


def waiting_counts(store: Store) -> Counter[int | None]:
    """How many events wait to be taken in, by project, those in the inbox included."""
    counted = (
        select(Event.project_id, func.count())
        .where(Event.state == EventState.WAITING)
        .group_by(Event.project_id)
    )
    waiting = store.inbox.waiting()
    with store.reading() as session:
        waiting.update(dict(session.execute(counted).all()))
    return waiting


def waiting_since(store: Store) -> datetime | None:
    """When the oldest event came that waits to be taken in; None when none does."""
    arrived = [each.received_at for each in store.inbox.oldest(1)]
    oldest = select(func.min(Event.received_at)).where(Event.state == EventState.WAITING)
    with store.reading() as session:
        return min([*arrived, *filter(None, [session.scalar(oldest)])], default=None)


def retry_events(session: Session, ids: Collection[int] | None = None) -> int:
    """Let events that were set aside (None: all) wait again; how many."""
    return _let_back_in(session, *_of(ids))


def retry_after_upgrade(session: Session) -> int:
    """The same for all that another release of onetag could not take in."""
    return _let_back_in(session, Event.tried_by != release())


def drop_events(session: Session, ids: Collection[int] | None = None) -> int:
    """End events that were set aside (None: all): they are kept, and never tried again. How many."""
    dropped = {"state": EventState.DROPPED, "processed_at": utc_now()}
    return rowcount(session, _aside(*_of(ids)).values(dropped))


def _let_back_in(session: Session, *conditions: ColumnElement[bool]) -> int:
    anew = {"state": EventState.WAITING, "tries": 0, "parts": 0, "tried_at": None, "retried_at": utc_now()}
    return rowcount(session, _aside(*conditions).values(anew))


def _aside(*conditions: ColumnElement[bool]) -> Any:
    return update(Event).where(Event.state == EventState.SET_ASIDE, *conditions)


def _of(ids: Collection[int] | None) -> Sequence[ColumnElement[bool]]:
    return () if ids is None else (Event.id.in_(ids),)
