"""Which labels are chosen most of late: those that stand as buttons beside a long list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.models import Label, Observation
from annotator.store.states import Source

RECENT = 200
"""Observations that tell what is chosen of late."""
FIRST = 9
"""Labels of these that are chosen most earn a button."""
TWICE = 2
"""Times that a label has to be chosen for that."""
MOST = 18
"""Buttons that there can be."""
CHOSEN = (Source.TAG, Source.ADDED)
"""What a person named without having it shown."""


def often_chosen(session: Session, project_id: int, there: Sequence[str] = ()) -> tuple[str, ...]:
    """The live labels that have a button, in their order: those that had one, then those that earn one now.

    there: the labels that have one. They keep it, and their place, so that nobody has to look again.
    """
    newest = (
        select(Label.name)
        .join(Observation, Observation.label_id == Label.id)
        .where(
            Label.project_id == project_id,
            Label.archived_at.is_(None),
            Observation.retired_at.is_(None),
            Observation.value > 0,
            Observation.source.in_(CHOSEN),
        )
        .order_by(Observation.id.desc())
        .limit(RECENT)
    )
    counted = Counter(session.scalars(newest)).most_common(FIRST)
    earned = [name for name, times in counted if times >= TWICE]
    return tuple(dict.fromkeys([*there, *earned]))[:MOST]
