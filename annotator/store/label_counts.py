"""Of how many images each label is known: present, absent, or said to be both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked
from annotator.store.labels import live_labels
from annotator.store.models import Annotation, Image, Import, Observation
from annotator.store.said import said_of_some


@dataclass(frozen=True)
class LabelCount:
    """Live images by what people say of a label; of all others it is unknown.

    tied: as many say yes as no, so that it is unknown as well.
    """

    present: int = 0
    absent: int = 0
    tied: int = 0


def label_counts(session: Session, project_id: int) -> dict[int, LabelCount]:
    """The counts of the live labels, by their ids, as `observed_matrix` has them.

    Of most images one answer tells, so its observations are counted as they are, from an index; only those
    that several tell, and those that are removed, are looked at cell by cell.
    """
    label_ids = [label.id for label in live_labels(session, project_id)]
    counts = Counter(_observations(session, label_ids))
    apart = _images_apart(session, project_id)
    for piece in chunked(sorted(apart)):
        counts.subtract(Counter(_observations(session, label_ids, piece)))
        live = [image for image in piece if apart[image]]
        known = said_of_some(session, label_ids, live)
        for column, label_id in enumerate(label_ids):
            counts[label_id, 1] += int((known.values[:, column] > 0).sum())
            counts[label_id, -1] += int((known.values[:, column] < 0).sum())
            counts[label_id, 0] += int(known.tied[:, column].sum())
    return {each: LabelCount(counts[each, 1], counts[each, -1], counts[each, 0]) for each in label_ids}


def _observations(
    session: Session, label_ids: Sequence[int], image_ids: Sequence[int] | None = None
) -> dict[tuple[int, int], int]:
    """Live observations by label and value, of some images or of all."""
    counted = (
        select(Observation.label_id, Observation.value, func.count())
        .where(Observation.label_id.in_(label_ids), Observation.retired_at.is_(None))
        .group_by(Observation.label_id, Observation.value)
    )
    if image_ids is not None:
        counted = counted.where(Observation.image_id.in_(image_ids))
    return {(label_id, value): count for label_id, value, count in session.execute(counted)}


def _images_apart(session: Session, project_id: int) -> dict[int, bool]:
    """The images whose observations cannot be counted as they are, and whether each is live."""
    removed = select(Image.id).where(Image.project_id == project_id, Image.removed_at.is_not(None))
    apart = dict.fromkeys(_told_by_several(session, project_id), True)
    return apart | dict.fromkeys(session.scalars(removed), False)


def _told_by_several(session: Session, project_id: int) -> Iterator[int]:
    """The images of which several live annotations or imports tell something."""
    answered = select(Annotation.image_id).where(
        Annotation.project_id == project_id, Annotation.retired_at.is_(None)
    )
    imports = session.scalars(select(Import.id).where(Import.project_id == project_id)).all()
    told = answered.subquery()
    if imports:
        read = select(Observation.image_id).where(
            Observation.import_id.in_(imports), Observation.retired_at.is_(None)
        )
        told = union_all(answered, read.group_by(Observation.image_id, Observation.import_id)).subquery()
    several = select(told.c.image_id).group_by(told.c.image_id).having(func.count() > 1)
    yield from session.scalars(several)
