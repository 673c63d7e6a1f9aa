"""Answers on the page: one person says at once of one image, or of many, what is there and what is not.

Each makes a revision of that person's own annotation of each image: labels that it does not name keep what
the person said on the page before. It is recorded first and told to Label Studio afterwards, see
`annotator.labelstudio.telling`. Undoing the newest one brings back what each image's annotation said before,
unless that was changed in Label Studio since.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.bulk import chunked
from annotator.store.labels import live_labels
from annotator.store.models import Annotation, Image, ModelVersion, Observation, PageAnswer, Project
from annotator.store.page_annotations import (
    have_told,
    live_revisions,
    newest_revisions,
    observations_of,
    page_annotations,
)
from annotator.store.retiring import retire
from annotator.store.states import Source
from annotator.store.turns import take_turn
from annotator.store.types import utc_now
from annotator.store.vectors import load_vectors

MOST_IMAGES = 500
"""That can be answered at once."""


class AnswerRefused(OnetagError):  # noqa: N818 (it names what became of the answer)
    """An answer that says nothing, or what cannot be said."""


@dataclass(frozen=True)
class ImageAnswer:
    """What is said of one image: ids of labels that are there, and of labels that are not."""

    image_id: int
    present: Collection[int] = ()
    absent: Collection[int] = ()

    @property
    def values(self) -> dict[int, int]:
        """+1 and -1 by label."""
        return {**dict.fromkeys(self.present, 1), **dict.fromkeys(self.absent, -1)}


@dataclass(frozen=True)
class Answered:
    """What became of an answer or of undoing one.

    answer_id: None where nothing changed. images: whose annotation is another one now. known: that said just
    that already. gone: that are not in the project any more. changed: that undoing leaves, since they were
    changed or deleted in Label Studio after the answer.
    """

    answer_id: int | None = None
    images: Sequence[int] = ()
    known: int = 0
    gone: int = 0
    changed: int = 0


@dataclass(frozen=True)
class _Sight:
    """What a person looked at: a version, with the probabilities that it gave, by image and label."""

    version: str | None = None
    probabilities: Mapping[tuple[int, int], float] = field(default_factory=dict)


def record_answer(
    session: Session,
    project: Project,
    annotator: str,
    answers: Sequence[ImageAnswer],
    *,
    version: str | None = None,
) -> Answered:
    """Record what one person says of these images, as one thing that can be undone.

    version: the name of the one whose probabilities were in sight; None where none was.
    Raises AnswerRefused for no image, for more than `MOST_IMAGES`, for one named twice, for no label, for one
    that the project does not have (any more), and for one both there and not there.
    """
    _check(session, project, answers)
    take_turn(session, project.id)
    there = _live_images(session, project, [each.image_id for each in answers])
    here = [each for each in answers if each.image_id in there]
    owned = page_annotations(session, project, [each.image_id for each in here], annotator)
    session.flush()
    live = live_revisions(session, [each.id for each in owned.values()])
    said = observations_of(session, list(live.values()))
    fresh = [each for each in here if _is_new(each, said.get(_id(live.get(owned[each.image_id].id)), ()))]
    gone, known = len(answers) - len(here), len(here) - len(fresh)
    if not fresh:
        return Answered(known=known, gone=gone)
    sight = _in_sight(session, project, version, fresh)
    answer = PageAnswer(project_id=project.id, annotator=annotator, version=sight.version)
    session.add(answer)
    session.flush()
    changed = {each.image_id: owned[each.image_id] for each in fresh}
    numbers = newest_revisions(session, [each.id for each in changed.values()])
    replaced = {image: live[each.id] for image, each in changed.items() if each.id in live}
    retire(session, list(replaced.values()), answer.answered_at)
    revisions = {
        image: _revision(answer, image, each.id, numbers.get(each.id, 0) + 1, replaced.get(image))
        for image, each in changed.items()
    }
    session.add_all(revisions.values())
    session.flush()
    for each in fresh:
        before = said.get(_id(replaced.get(each.image_id)), ())
        session.add_all(_observations(revisions[each.image_id], each, before, sight))
    have_told(session, project, changed)
    return Answered(answer.id, list(changed), known, gone)


def undo_answer(session: Session, project: Project, annotator: str) -> Answered | None:
    """Take back the newest answer of a person that was not taken back yet; None where there is none."""
    take_turn(session, project.id)
    answer = newest_answer(session, project.id, annotator)
    if answer is None:
        return None
    answer.undone_at = utc_now()
    made = select(Annotation.image_id).where(Annotation.page_answer_id == answer.id).distinct()
    of_answer = set(session.scalars(made))
    chosen = select(Annotation).where(Annotation.page_answer_id == answer.id, Annotation.retired_at.is_(None))
    live = session.scalars(chosen.order_by(Annotation.id)).all()
    owned = page_annotations(session, project, [each.image_id for each in live], annotator)
    retire(session, live, answer.undone_at)
    numbers = newest_revisions(session, [each.id for each in owned.values()])
    restore(session, [each.replaced_id for each in live if each.replaced_id], numbers, answer.undone_at)
    have_told(session, project, owned)
    images = [each.image_id for each in live]
    return Answered(answer.id, images, changed=len(of_answer) - len(images))


def newest_answer(session: Session, project_id: int, annotator: str) -> PageAnswer | None:
    """The answer that a person would take back now."""
    done = select(PageAnswer).where(
        PageAnswer.project_id == project_id,
        PageAnswer.annotator == annotator,
        PageAnswer.undone_at.is_(None),
    )
    return session.scalars(done.order_by(PageAnswer.id.desc()).limit(1)).first()


def restore(session: Session, ids: Sequence[int], numbers: Mapping[int, int], at: datetime) -> None:
    """Say again, as new revisions, what these revisions said. numbers: of the newest by page annotation."""
    for piece in chunked(ids):
        rows = session.scalars(select(Annotation).where(Annotation.id.in_(piece))).all()
        said = observations_of(session, rows)
        copies = {row.id: _copy(row, numbers.get(row.page_annotation_id or 0, 0) + 1, at) for row in rows}
        session.add_all(copies.values())
        session.flush()
        for row in rows:
            session.add_all(_again(each, copies[row.id]) for each in said[row.id])


def say_upon(
    session: Session, said: Annotation, observed: Sequence[Observation], base: Annotation | None, number: int
) -> Annotation:
    """Say a part of what a revision said upon what Label Studio has meanwhile, as revision `number`."""
    starred = base is not None and base.ground_truth
    told: dict[str, Any] = {"result": [], "studio_annotation": None, "replaced_id": base.id if base else None}
    changed = {"revision": number, "retired_at": None, "ground_truth": starred, **told}
    revision = Annotation(**_columns(said) | changed)
    session.add(revision)
    session.flush()
    values = {each.label_id for each in observed}
    kept = observations_of(session, [base])[base.id] if base else []
    if base is not None:
        retire(session, [base], said.updated_at)
    session.add_all(_again(each, revision) for each in observed)
    session.add_all(
        _again(each, revision, source=Source.PAGE) for each in kept if each.label_id not in values
    )
    session.flush()
    return revision


def _check(session: Session, project: Project, answers: Sequence[ImageAnswer]) -> None:
    images = [each.image_id for each in answers]
    if not images:
        raise AnswerRefused("No image was answered.", "Mark one or more.")
    if len(images) > MOST_IMAGES:
        raise AnswerRefused(f"{len(images)} images are too many at once.", f"Mark at most {MOST_IMAGES}.")
    if len(set(images)) < len(images):
        raise AnswerRefused("An image was named twice in one answer.", "Name each image once.")
    if not all(each.present or each.absent for each in answers):
        raise AnswerRefused("The answer names no label.", "Choose a label that is there, or one that is not.")
    if any(set(each.present) & set(each.absent) for each in answers):
        raise AnswerRefused("A label cannot be there and not there at once.", "Choose one of both.")
    known = {label.id for label in live_labels(session, project.id)}
    if not all(each.values.keys() <= known for each in answers):
        raise AnswerRefused("The project does not have that label any more.", "Load the page again.")


def _live_images(session: Session, project: Project, ids: Sequence[int]) -> set[int]:
    """Those of these images that are in the project."""
    found: set[int] = set()
    for piece in chunked(ids):
        live = select(Image.id).where(
            Image.id.in_(piece), Image.project_id == project.id, Image.removed_at.is_(None)
        )
        found.update(session.scalars(live))
    return found


def _id(annotation: Annotation | None) -> int:
    return 0 if annotation is None else annotation.id


def _is_new(answer: ImageAnswer, said: Sequence[Observation]) -> bool:
    """Whether an answer says anything that the person has not said already."""
    before = {each.label_id: each.value for each in said}
    return any(before.get(label) != value for label, value in answer.values.items())


def _in_sight(session: Session, project: Project, name: str | None, answers: Sequence[ImageAnswer]) -> _Sight:
    chosen = select(ModelVersion).where(ModelVersion.project_id == project.id, ModelVersion.name == name)
    version = session.scalars(chosen).first() if name else None
    if version is None:
        return _Sight()
    columns = {label: column for column, label in enumerate(version.label_ids)}
    image_ids, vectors = load_vectors(session, version.id, [each.image_id for each in answers])
    rows = {image: row for row, image in enumerate(image_ids)}
    cells = [(each.image_id, label) for each in answers for label in each.values]
    known = [(image, label) for image, label in cells if image in rows and label in columns]
    return _Sight(version.name, {cell: float(vectors[rows[cell[0]], columns[cell[1]]]) for cell in known})


def _revision(
    answer: PageAnswer, image_id: int, page_annotation_id: int, number: int, before: Annotation | None
) -> Annotation:
    return Annotation(
        project_id=answer.project_id,
        image_id=image_id,
        revision=number,
        result=[],
        skipped=False,
        annotator=answer.annotator,
        suggested_version=answer.version,
        unmatched=[],
        ground_truth=before is not None and before.ground_truth,
        created_at=answer.answered_at,
        updated_at=answer.answered_at,
        page_annotation_id=page_annotation_id,
        page_answer_id=answer.id,
        replaced_id=None if before is None else before.id,
    )


def _observations(
    revision: Annotation, answer: ImageAnswer, before: Sequence[Observation], sight: _Sight
) -> list[Observation]:
    """What is said now, and what was said before of other labels; all of it as said on the page."""
    values = answer.values
    kept = [_again(each, revision, source=Source.PAGE) for each in before if each.label_id not in values]
    said = [
        Observation(
            annotation_id=revision.id,
            image_id=answer.image_id,
            label_id=label,
            value=value,
            source=Source.PAGE,
            annotator=revision.annotator,
            suggested_version=sight.version,
            ground_truth=revision.ground_truth,
            probability=sight.probabilities.get((answer.image_id, label)),
        )
        for label, value in values.items()
    ]
    return kept + said


def _again(observation: Observation, revision: Annotation, **other: Any) -> Observation:
    """The same observation, of another revision."""
    changed = {"annotation_id": revision.id, "created_at": utc_now(), "retired_at": None, **other}
    changed["ground_truth"] = revision.ground_truth
    return Observation(**_columns(observation) | changed)


def _copy(row: Annotation, number: int, at: datetime) -> Annotation:
    """A new revision that says the same; Label Studio has to be told of it."""
    changed = {"revision": number, "studio_annotation": None, "retired_at": None, "updated_at": at}
    return Annotation(**_columns(row) | changed)


def _columns(row: Annotation | Observation) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__table__.columns.keys() if name != "id"}  # noqa: SIM118 (no dict)
