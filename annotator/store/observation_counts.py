"""How many observations a project has, counted from an index: no observation's image is looked at."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, func, null, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from annotator.store.labels import live_labels
from annotator.store.models import Image, Observation

PRESENT = func.count().filter(Observation.value > 0)
ABSENT = func.count().filter(Observation.value < 0)
IMPORTED = func.count(Observation.import_id)


def count_observations(
    session: Session,
    project_id: int,
    *counts: ColumnElement[int],
    by: InstrumentedAttribute[Any] | None = None,
) -> dict[Any, tuple[int, ...]]:
    """These counts of the live observations of live labels on live images, by a column; of all under None.

    Everything is counted first, whatever became of the images, and then less what removed ones have: there
    are few.
    """
    labels = [label.id for label in live_labels(session, project_id)]
    live = select(null() if by is None else by, *counts).where(
        Observation.label_id.in_(labels), Observation.retired_at.is_(None)
    )
    if by is not None:
        live = live.group_by(by)
    counted = {key: tuple(row) for key, *row in session.execute(live)}
    gone = select(Image.id).where(Image.project_id == project_id, Image.removed_at.is_not(None))
    if session.scalar(select(gone.exists())):
        for key, *row in session.execute(live.where(Observation.image_id.in_(gone))):
            counted[key] = tuple(count - less for count, less in zip(counted[key], row, strict=True))
    return counted
