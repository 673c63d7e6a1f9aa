"""What was on the page of an answer: since when it was open, and which labels it may not have shown.

Read in the source of Label Studio's page: it takes the label config when it is opened, and a labelling stream
keeps it from task to task, while each answer tells the seconds of its own task alone (`lead_time`). So an
answer is believed of a label that came later only when its task was opened long enough after the label. All
of it is told by Label Studio's clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from annotator.labelstudio.payloads import StudioAnnotation
from annotator.store.models import Annotation, Label, Observation, Project
from annotator.store.states import Source
from annotator.store.types import as_stored

STREAM_STAYS_OPEN = timedelta(hours=12)
"""How long a labelling stream may go on with the labels of its beginning: a working day."""
LONGEST_SECONDS = 365 * 24 * 3600.0
"""The longest lead time that is reckoned with."""


def opened_at(session: Session, project: Project, annotation: StudioAnnotation) -> datetime | None:
    """Since when the page was open at the latest on which this result was made; None where nothing tells it.

    A result that is on record already was made then: what touches an annotation without changing its result
    (a star, a derivation by today's rule) is no new answer. Of the first that is known, the page was opened
    before the annotation was made, whatever edits there were that we never heard of.
    """
    known = _newest(session, project, annotation)
    if known is not None and known.result == as_stored(annotation.result):
        return known.opened_at
    if annotation.lead_time is None:
        return None
    edited = known is not None and (known.annotator, known.ground_truth) == (
        *(annotation.annotator, annotation.ground_truth),
    )
    made = annotation.updated_at if edited else annotation.made_at
    return made - timedelta(seconds=min(annotation.lead_time, LONGEST_SECONDS))


def labels_unseen(session: Session, project_id: int, opened: datetime | None) -> set[str]:
    """The labels that a page opened then may not have shown: they came to the project later."""
    came = [Label.project_id == project_id, Label.created_at.is_not(None)]
    if opened is not None:
        came.append(or_(Label.seen_from.is_(None), Label.seen_from > opened - STREAM_STAYS_OPEN))
    return set(session.scalars(select(Label.name).where(*came)))


def told_absent_before(session: Session, project: Project, annotation: StudioAnnotation) -> set[str]:
    """The labels that an earlier revision's complete answer told of: they were there already."""
    told = (
        select(Label.name)
        .join(Observation, Observation.label_id == Label.id)
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .where(*revisions_of(project, annotation), Observation.source == Source.COMPLETE)
    )
    return set(session.scalars(told))


def revisions_of(project: Project, annotation: StudioAnnotation) -> tuple[ColumnElement[bool], ...]:
    """What chooses the revisions of an annotation, and none of a deleted one that had its number before."""
    return (
        Annotation.project_id == project.id,
        Annotation.studio_annotation == annotation.id,
        Annotation.updated_at >= annotation.made_at,
    )


def _newest(session: Session, project: Project, annotation: StudioAnnotation) -> Annotation | None:
    revisions = select(Annotation).where(*revisions_of(project, annotation))
    return session.scalars(revisions.order_by(Annotation.revision.desc()).limit(1)).first()
