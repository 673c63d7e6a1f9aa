"""Recording what annotators did: idempotent, in any order of delivery, by several processes at once.

Which revision is the newer one, Label Studio's own record tells: `updated_at`, then the order of arrival; our
clock decides nothing. A deletion is final. Label Studio on SQLite gives the number of a deleted annotation to
one that is imported (measured): what was made after all that is known of a deleted one is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.models import Annotation, Deletion, Image, Label, Observation, Project
from annotator.store.page_annotations import carried_over, gone_from_studio
from annotator.store.retiring import retire
from annotator.store.states import Question, Review, Source, Unused
from annotator.store.turns import take_turn
from annotator.store.types import as_stored, utc, utc_now


@dataclass(frozen=True)
class Observed:
    """One label that an annotation says is present (+1) or absent (-1), and what makes it known.

    area: the share of the image, 0..1, that its regions cover, where some were drawn.
    """

    label: str
    value: int
    source: Source
    area: float | None = None


@dataclass(frozen=True)
class Submission:
    """What an annotator submitted, as it was at the moment `at`.

    studio_annotation: its number in Label Studio, where it has one. result: Label Studio's own, as it came.
    lead_time: seconds. suggested, suggested_version: what was shown ticked, and by which version of ours.
    observed: what it makes known. shown: the prediction on the page, as it came, whoever made it. unmatched:
    names in it that no label has. unused: why it makes nothing known. imported: it was there before the
    project was connected. made_at: when the annotation was made, if not just then. opened_at: since when its
    page was open at the latest, by Label Studio's clock; None where that is not known. page_annotation: which
    it is (its id) of those made on the page.
    """

    studio_annotation: int | None
    result: list[Any]
    skipped: bool
    annotator: str | None
    lead_time: float | None
    suggested_version: str | None
    suggested: Sequence[str] | None
    observed: Sequence[Observed]
    at: datetime
    shown: Sequence[Any] | None = None
    unmatched: Sequence[str] = ()
    review: Review | None = None
    question: Question | None = None
    unused: Unused | None = None
    ground_truth: bool = False
    imported: bool = False
    made_at: datetime | None = None
    opened_at: datetime | None = None
    page_annotation: int | None = None


@dataclass(frozen=True)
class Before:
    """What was on record of an annotation before Label Studio was asked for it.

    newest: the id of its newest revision, None when there was none. live: whether that one was not retired.
    updated_at: of that one. deleted: whether a deletion was remembered that came before the annotation.
    """

    newest: int | None = None
    live: bool = False
    updated_at: datetime | None = None
    deleted: bool = False


def record_annotation(
    session: Session, project: Project, image: Image, submission: Submission, before: Before | None = None
) -> Annotation | None:
    """Record one submission; None when that adds nothing to what is known.

    What the live revision says already is not written again. What is older than the live revision, or was
    deleted, came late and is ignored. Everything else retires the live revision with its observations
    and becomes the new one. Without `studio_annotation`, image and annotator tell which annotation it is.

    before: given when the submission was read from Label Studio itself. It then wins over all that was on
    record before, whatever its time says: clocks are set back, and backups restored. Only what has been
    recorded since then can make it late.
    Raises OnetagError for a label that the project does not have or that is observed as +1 and -1.
    """
    if image.project_id != project.id:
        raise ValueError(f"Image {image.id} belongs to another project than {project.id}.")
    fresh = Annotation(
        project_id=project.id,
        image_id=image.id,
        studio_annotation=submission.studio_annotation,
        result=as_stored(submission.result),
        skipped=submission.skipped,
        annotator=submission.annotator,
        lead_time=submission.lead_time,
        suggested_version=submission.suggested_version,
        suggested=None if submission.suggested is None else list(submission.suggested),
        shown=None if submission.shown is None else as_stored(list(submission.shown)),
        unmatched=list(submission.unmatched),
        review=submission.review,
        question=submission.question,
        unused=submission.unused,
        ground_truth=submission.ground_truth,
        imported=submission.imported,
        opened_at=submission.opened_at,
        page_annotation_id=submission.page_annotation,
        created_at=utc(submission.made_at or submission.at),
        updated_at=utc(submission.at),
    )
    return _record(session, fresh, _values(session, project, submission.observed), before)


def retire_annotation(
    session: Session, project: Project, studio_annotation: int, at: datetime | None = None
) -> bool:
    """Retire an annotation that Label Studio does not have any more; says whether a live one was retired.

    One that has not arrived yet is remembered as deleted. `at`: when we heard of it, which decides nothing.
    """
    take_turn(session, project.id)
    newest = _newest(session, project.id, studio_annotation)
    if newest is None:
        _remember_deletion(session, project.id, studio_annotation, utc(at or utc_now()))
        return False
    if newest.retired_at is not None:
        return False
    retire(session, [newest], utc(at or utc_now()))
    if newest.page_annotation_id is not None:
        gone_from_studio(session, project.id, studio_annotation)
    return True


def newer_is_known(session: Session, project: Project, studio_annotation: int, at: datetime) -> bool:
    """Whether an annotation is on record as deleted, or as it was later than `at`.

    Then something came late, or a clock was set back: Label Studio has to be asked which.
    """
    known = before_now(session, project.id, studio_annotation)
    if known.newest is None:
        return known.deleted
    return not known.live or (known.updated_at is not None and known.updated_at > at)


def before_now(session: Session, project_id: int, studio_annotation: int) -> Before:
    """What is on record of an annotation."""
    newest = _newest(session, project_id, studio_annotation)
    if newest is not None:
        return Before(newest.id, newest.retired_at is None, newest.updated_at)
    return Before(deleted=session.get(Deletion, (project_id, studio_annotation)) is not None)


def _record(
    session: Session, fresh: Annotation, values: dict[int, Observed], before: Before | None
) -> Annotation | None:
    take_turn(session, fresh.project_id)
    newest = _newest_like(session, fresh)
    if not _unchanged(session, fresh, before) and _came_late(session, fresh, newest):
        return None
    if newest is not None and newest.retired_at is None:
        if _says_the_same(session, newest, fresh, values):
            newest.updated_at = fresh.updated_at
            return None
        retire(session, [newest], fresh.updated_at)
    fresh.revision = 1 if newest is None else newest.revision + 1
    known = carried_over(session, newest, fresh) if newest is not None else {}
    session.add(fresh)
    session.flush()
    session.add_all(_observations(fresh, values, known))
    session.flush()
    return fresh


def _unchanged(session: Session, fresh: Annotation, before: Before | None) -> bool:
    """Whether nothing about the annotation has been recorded since `before`."""
    if before is None or fresh.studio_annotation is None:
        return False
    return before == before_now(session, fresh.project_id, fresh.studio_annotation)


def _newest(session: Session, project_id: int, studio_annotation: int) -> Annotation | None:
    of_studio = select(Annotation).where(
        Annotation.project_id == project_id, Annotation.studio_annotation == studio_annotation
    )
    return session.scalars(_first(of_studio)).first()


def _newest_like(session: Session, fresh: Annotation) -> Annotation | None:
    if fresh.studio_annotation is not None:
        return _newest(session, fresh.project_id, fresh.studio_annotation)
    own = select(Annotation).where(
        Annotation.image_id == fresh.image_id,
        Annotation.studio_annotation.is_(None),
        Annotation.annotator.is_not_distinct_from(fresh.annotator),
    )
    return session.scalars(_first(own)).first()


def _first(chosen: Any) -> Any:
    newest = chosen.order_by(Annotation.revision.desc()).limit(1)
    return newest.execution_options(populate_existing=True)


def _came_late(session: Session, fresh: Annotation, newest: Annotation | None) -> bool:
    """Whether it is the past: older than what is live, or deleted since."""
    if newest is not None and newest.retired_at is not None:
        return fresh.created_at <= newest.updated_at
    if newest is not None:
        return fresh.updated_at < newest.updated_at
    if fresh.studio_annotation is None:
        return False
    return session.get(Deletion, (fresh.project_id, fresh.studio_annotation)) is not None


def _says_the_same(
    session: Session, live: Annotation, fresh: Annotation, values: dict[int, Observed]
) -> bool:
    names = ("image_id", "result", "skipped", "annotator", "ground_truth")
    told = ("unmatched", "review", "question", "unused")
    if any(getattr(live, name) != getattr(fresh, name) for name in (*names, *told)):
        return False
    stored = select(Observation.label_id, Observation.value, Observation.source).where(
        Observation.annotation_id == live.id
    )
    wanted = {(label_id, each.value, each.source) for label_id, each in values.items()}
    return {tuple(row) for row in session.execute(stored)} == wanted


def _remember_deletion(session: Session, project_id: int, studio_annotation: int, at: datetime) -> None:
    try:
        with session.begin_nested():
            session.add(Deletion(project_id=project_id, studio_annotation=studio_annotation, deleted_at=at))
    except IntegrityError:
        return  # remembered already


def _observations(
    annotation: Annotation, values: dict[int, Observed], known: Mapping[int, Observation]
) -> Iterable[Observation]:
    for label_id, observed in values.items():
        was = known.get(label_id)
        same = was if was and (was.value, was.source) == (observed.value, observed.source) else None
        yield Observation(
            annotation_id=annotation.id,
            image_id=annotation.image_id,
            label_id=label_id,
            value=observed.value,
            source=observed.source,
            annotator=annotation.annotator,
            lead_time=annotation.lead_time,
            suggested_version=same.suggested_version if same else annotation.suggested_version,
            ground_truth=annotation.ground_truth,
            area=observed.area,
            probability=same.probability if same else None,
        )


def _values(session: Session, project: Project, observed: Sequence[Observed]) -> dict[int, Observed]:
    """What is observed by label id. A label named twice counts once; archived ones keep their history."""
    if not observed:
        return {}
    names = {each.label for each in observed}
    chosen = select(Label.name, Label.id).where(Label.project_id == project.id, Label.name.in_(names))
    ids = {row.name: row.id for row in session.execute(chosen)}
    unknown = sorted(names - ids.keys())
    if unknown:
        raise OnetagError(
            f"Project {project.title!r} has no label {', '.join(map(repr, unknown))}.",
            "Read its label config again, then this annotation.",
        )
    values: dict[int, Observed] = {}
    for each in observed:
        first = values.setdefault(ids[each.label], each)
        if first.value != each.value:
            raise OnetagError(
                f"One annotation says that {each.label!r} is both present and absent.",
                "Correct the annotation in Label Studio.",
            )
    return values
