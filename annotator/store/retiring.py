"""Retiring what was said: it stays on record, and says nothing any more."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked
from annotator.store.models import Annotation, Observation


def retire(session: Session, annotations: Sequence[Annotation], at: datetime) -> None:
    """Retire revisions with their observations."""
    for piece in chunked([each.id for each in annotations]):
        session.execute(update(Annotation).where(Annotation.id.in_(piece)).values(retired_at=at))
        active = Observation.annotation_id.in_(piece), Observation.retired_at.is_(None)
        session.execute(update(Observation).where(*active).values(retired_at=at))
