"""What one answer on the page said of its images, without what their annotations say besides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from annotator.store.models import Annotation, Label, Observation


@dataclass(frozen=True)
class SaidAtOnce:
    """images: how many it is of. labels: of how many of them each label was said to be there (+1) or not
    (-1), by name and value, in the project's order.
    """

    images: int
    labels: Mapping[tuple[str, int], int]


def said_at_once(session: Session, answer_id: int) -> SaidAtOnce:
    """What an answer said, also when it was taken back since."""
    before = aliased(Observation)
    same = (
        (before.annotation_id == Annotation.replaced_id)
        & (before.label_id == Observation.label_id)
        & (before.value == Observation.value)
    )
    told = (
        select(Label.name, Observation.value, func.count(Observation.image_id.distinct()))
        .join(Label, Label.id == Observation.label_id)
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .outerjoin(before, same)
        .where(Annotation.page_answer_id == answer_id, before.id.is_(None))
        .group_by(Label.id, Label.name, Label.position, Observation.value)
        .order_by(Label.position, Label.id)
    )
    made = select(func.count(Annotation.image_id.distinct())).where(Annotation.page_answer_id == answer_id)
    labels = {(name, value): count for name, value, count in session.execute(told)}
    return SaidAtOnce(session.scalar(made) or 0, labels)
