"""What annotators said again: of one label on one image each has one word, the newest.

One annotator can have several live annotations of an image, as where Label Studio asks for two a task and one
person gives both. Ground truth is the word of who gave it, whatever else they said.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Observation
from annotator.store.types import UtcDateTime


def superseded(
    session: Session, images: ColumnElement[bool], *counting: ColumnElement[bool]
) -> Select[int] | None:
    """The live observations of these images of which their annotator has a newer word, by id; None for none.

    images: a condition on `Annotation.image_id`. counting: conditions on observations without which they are
    no word at all.
    """
    doubled = several_words(images)
    if session.execute(doubled.limit(1)).first() is None:  # as mostly
        return None
    newest_first = (Observation.ground_truth.desc(), Annotation.updated_at.desc(), Annotation.id.desc())
    cell = Observation.image_id, Observation.label_id, Observation.annotator
    place = func.row_number().over(partition_by=cell, order_by=newest_first)
    words = (
        select(Observation.id, place.label("place"))
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .where(
            Observation.image_id.in_(doubled),
            Observation.annotator.is_not(None),
            Observation.retired_at.is_(None),
            *counting,
        )
        .subquery()
    )
    return select(words.c.id).where(words.c.place > 1)


def newest_word(session: Session, images: ColumnElement[bool]) -> datetime | None:
    """When somebody who said several things of one of these images last said one; None where nobody did."""
    of_doubled = Annotation.image_id.in_(several_words(images)), Annotation.retired_at.is_(None)
    return session.scalar(select(func.max(Annotation.updated_at, type_=UtcDateTime)).where(*of_doubled))


def several_words(images: ColumnElement[bool]) -> Select[int]:
    """Those of these images of which an annotator has several live annotations."""
    return (
        select(Annotation.image_id)
        .where(images, Annotation.retired_at.is_(None), Annotation.annotator.is_not(None))
        .group_by(Annotation.image_id, Annotation.annotator)
        .having(func.count() > 1)
    )
