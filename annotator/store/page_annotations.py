"""What one person says of one image on the page, and how far Label Studio has been told of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from uuid import uuid4

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked
from annotator.store.models import Annotation, Image, Observation, PageAnnotation, Project
from annotator.store.states import Telling
from annotator.store.types import utc_now

FRESHLY = {"populate_existing": True}  # other processes write, too


def page_annotations(
    session: Session, project: Project, image_ids: Collection[int], annotator: str
) -> dict[int, PageAnnotation]:
    """One person's annotation of each of these images, by image; made where there is none yet."""
    found: dict[int, PageAnnotation] = {}
    for piece in chunked(sorted(image_ids)):
        chosen = select(PageAnnotation).where(
            PageAnnotation.project_id == project.id,
            PageAnnotation.image_id.in_(piece),
            PageAnnotation.annotator == annotator,
        )
        found |= {
            each.image_id: each
            for each in session.scalars(chosen.order_by(PageAnnotation.id).execution_options(**FRESHLY))
        }
    for image_id in image_ids:
        if image_id not in found:
            found[image_id] = PageAnnotation(
                project_id=project.id,
                image_id=image_id,
                annotator=annotator,
                key=new_key(),
                telling=Telling.TOLD,
            )
            session.add(found[image_id])
    return found


def new_key() -> str:
    """What marks an annotation in Label Studio, and no other one."""
    return uuid4().hex


def live_revisions(session: Session, ids: Collection[int]) -> dict[int, Annotation]:
    """What these page annotations say now, by their ids; not those that say nothing."""
    found: dict[int, Annotation] = {}
    for piece in chunked(sorted(ids)):
        live = select(Annotation).where(
            Annotation.page_annotation_id.in_(piece), Annotation.retired_at.is_(None)
        )
        found |= {
            each.page_annotation_id or 0: each for each in session.scalars(live.execution_options(**FRESHLY))
        }
    return found


def observations_of(session: Session, annotations: Sequence[Annotation]) -> dict[int, list[Observation]]:
    """What these revisions make known, by the id of each."""
    found: dict[int, list[Observation]] = {each.id: [] for each in annotations}
    for piece in chunked(sorted(found)):
        chosen = select(Observation).where(Observation.annotation_id.in_(piece)).order_by(Observation.id)
        for each in session.scalars(chosen):
            found[each.annotation_id or 0].append(each)
    return found


def newest_revisions(session: Session, ids: Collection[int]) -> dict[int, int]:
    """The number of the newest revision of each page annotation that has one."""
    found: dict[int, int] = {}
    for piece in chunked(sorted(ids)):
        newest = (
            select(Annotation.page_annotation_id, func.max(Annotation.revision))
            .where(Annotation.page_annotation_id.in_(piece))
            .group_by(Annotation.page_annotation_id)
        )
        found |= {key or 0: last for key, last in session.execute(newest)}
    return found


def have_told(session: Session, project: Project, annotations: Mapping[int, PageAnnotation]) -> None:
    """Have Label Studio told of these, by image; where it has no such task they are the store's alone."""
    tasks: dict[int, int | None] = {}
    for piece in chunked(sorted(annotations)):
        tasks |= dict(session.execute(select(Image.id, Image.studio_task).where(Image.id.in_(piece))).all())
    for image_id, each in annotations.items():
        known = project.studio_project is not None and tasks.get(image_id) is not None
        each.telling = Telling.WAITING if known else Telling.KEPT
        each.tries, each.try_at, each.error = 0, None, None
    session.flush()


def told_as(
    session: Session, project_id: int, studio_annotation: int, key: str | None
) -> PageAnnotation | None:
    """The page annotation that an annotation of Label Studio is, by its number or, before that is known, by
    the mark in it; None for one that was made there, if only as a copy.
    """
    newest = select(Annotation.page_annotation_id).where(
        Annotation.project_id == project_id, Annotation.studio_annotation == studio_annotation
    )
    known = session.scalar(newest.order_by(Annotation.revision.desc()).limit(1))
    if known is not None:
        found = session.get_one(PageAnnotation, known, populate_existing=True)
        return found if found.studio_annotation == studio_annotation else None
    marked = select(PageAnnotation).where(
        PageAnnotation.project_id == project_id,
        PageAnnotation.key == key,
        PageAnnotation.studio_annotation.is_(None),
        PageAnnotation.begun_id.is_not(None),
    )
    return session.scalars(marked).one_or_none() if key else None


def waiting_to_be_told(session: Session, project_id: int, limit: int) -> Sequence[int]:
    """Ids of the page annotations that Label Studio is to be told of now, the oldest first."""
    due = or_(PageAnnotation.try_at.is_(None), PageAnnotation.try_at <= utc_now())
    waiting = (
        select(PageAnnotation.id)
        .join(Image, Image.id == PageAnnotation.image_id)
        .where(
            PageAnnotation.project_id == project_id,
            PageAnnotation.telling == Telling.WAITING,
            Image.removed_at.is_(None),
            due,
        )
    )
    return session.scalars(waiting.order_by(PageAnnotation.id).limit(limit)).all()


def projects_to_be_told(session: Session) -> Sequence[int]:
    """Ids of the projects whose Label Studio is to be told of something."""
    waiting = select(PageAnnotation.project_id).where(PageAnnotation.telling == Telling.WAITING)
    return session.scalars(waiting.distinct().order_by(PageAnnotation.project_id)).all()


def tell_again(session: Session, project_id: int) -> None:
    """Have what was kept tried again: the label config is another one now, and may be able to say it."""
    kept = PageAnnotation.project_id == project_id, PageAnnotation.telling == Telling.KEPT
    session.execute(update(PageAnnotation).where(*kept).values(telling=Telling.WAITING, try_at=None))


def gone_from_studio(session: Session, project_id: int, studio_annotation: int) -> None:
    """Note that an annotation was deleted there: what is said of the image from now on is another one."""
    its = (
        PageAnnotation.project_id == project_id,
        PageAnnotation.studio_annotation == studio_annotation,
        PageAnnotation.telling != Telling.WAITING,
    )
    for each in session.scalars(select(PageAnnotation).where(*its)):
        not_there(each)
    session.flush()


def not_there(annotation: PageAnnotation) -> None:
    """Note that Label Studio does not have a page annotation (any more)."""
    annotation.studio_annotation, annotation.begun_id, annotation.key = None, None, new_key()


def told_revision(session: Session, annotation: PageAnnotation) -> Annotation | None:
    """What Label Studio has of a page annotation, as far as is known."""
    if annotation.studio_annotation is None:
        return None
    told = select(Annotation).where(
        Annotation.page_annotation_id == annotation.id,
        Annotation.studio_annotation == annotation.studio_annotation,
    )
    newest = told.order_by(Annotation.revision.desc()).limit(1)
    return session.scalars(newest.execution_options(**FRESHLY)).first()


def carried_over(session: Session, before: Annotation, fresh: Annotation) -> dict[int, Observation]:
    """What an annotation of the page said until Label Studio told of a change to it, by label.

    One that leaves its result (a star) is no other answer: undoing takes it back as well.
    """
    if fresh.page_annotation_id is None or before.page_annotation_id != fresh.page_annotation_id:
        return {}
    if before.result == fresh.result:
        fresh.page_answer_id, fresh.replaced_id = before.page_answer_id, before.replaced_id
    return {each.label_id: each for each in observations_of(session, [before])[before.id]}
