"""The numbers behind the decision to train, read from the store."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store import Event, Image, Label, Observation
from model_backend.engine.due import Footprint


def footprint(session: Session, project_id: int) -> Footprint:
    """What a training started now would look at."""
    changes = session.execute(
        select(func.count(Observation.id) + func.count(Observation.retired_at))
        .join(Image, Image.id == Observation.image_id)
        .where(Image.project_id == project_id)
    ).scalar_one()
    images = session.execute(
        select(func.count(Image.id)).where(Image.project_id == project_id, Image.removed_at.is_(None))
    ).scalar_one()
    labels = session.scalars(
        select(Label.id)
        .where(Label.project_id == project_id, Label.archived_at.is_(None))
        .order_by(Label.position)
    ).all()
    return Footprint(changes, images, list(labels))


def idle_seconds(session: Session, project_id: int) -> float:
    """Seconds since the last event of the project arrived; infinite when there never was one."""
    latest = session.execute(
        select(func.max(Event.received_at)).where(Event.project_id == project_id)
    ).scalar_one()
    return (datetime.now(UTC) - latest).total_seconds() if latest is not None else float("inf")
