"""The durable inbox: events are written before they are answered, and processed once, in order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import Event
from annotator.store.types import utc_now


def record_event(
    session: Session, action: str, payload: dict[str, Any], project_id: int | None = None
) -> Event:
    """Put an event into the inbox. `payload` must hold no token any more."""
    event = Event(project_id=project_id, action=action, payload=payload)
    session.add(event)
    session.flush()
    return event


def waiting_events(session: Session, limit: int = 100) -> list[Event]:
    """The oldest events that wait, in the order of their arrival; another process waits for this one."""
    waiting = select(Event).where(Event.processed_at.is_(None)).order_by(Event.id).limit(limit)
    return list(session.scalars(waiting.with_for_update()))


def finish_event(session: Session, event: Event, error: str | None = None) -> None:
    """Mark an event as processed; with `error`, as one that could not be used, and why."""
    event.processed_at, event.error = utc_now(), error
    session.flush()
