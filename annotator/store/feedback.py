"""Answered suggestions: what was suggested, with which probability, and what people answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from annotator.store.labels import labels_by_name
from annotator.store.models import Annotation, Label, LabelVector, ModelVersion, Observation
from annotator.store.states import Question, Source
from annotator.store.vectors import load_vectors

if TYPE_CHECKING:
    import numpy.typing as npt

RECENT = 50  # versions: what older ones said resembles the next one's less and less
ANSWERS = (Source.CONFIRMED, Source.REJECTED)

Answer = tuple[int, int, int]  # image, label, value


@dataclass(frozen=True, eq=False)
class SuggestionFeedback:
    """M answers, newest version first, by image and label within a version.

    version_ids, image_ids, label_ids: int64 (M,). values: int8 (M,), +1 right, -1 wrong. probabilities:
    float32 (M,), what the version had given, to the three digits that are stored.
    """

    version_ids: npt.NDArray[np.int64]
    image_ids: npt.NDArray[np.int64]
    label_ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.int8]
    probabilities: npt.NDArray[np.float32]

    def __len__(self) -> int:
        """M, the number of answers."""
        return len(self.values)


def suggestion_feedback(
    session: Session, project_id: int, versions: int = RECENT, *, doubted: Collection[str] = ()
) -> SuggestionFeedback:
    """What annotators answered to the suggestions of the newest `versions` that still have vectors.

    Of reviewed ones alone: who only unticks what is wrong leaves the right ones unsaid, and the answers would
    be the wrong ones. Confirmed and rejected suggestions, and those that the annotator also chose as the
    label: without them the surest suggestions would be missing among the right ones. Not answers to labels
    that were shown to be checked because they were in doubt: they were no suggestions. Two
    annotators give two answers. Archived labels, images without a vector, and `doubted` annotators, who
    confirm what is not there, are left out.
    """
    stored = select(LabelVector.version_id).where(LabelVector.version_id == ModelVersion.id)
    newest = select(ModelVersion).where(ModelVersion.project_id == project_id, stored.exists())
    found = session.scalars(newest.order_by(ModelVersion.id.desc()).limit(versions)).all()
    answers = _answers(session, project_id, found, doubted)
    parts = [_with_probabilities(session, version, answers[version.name]) for version in found]
    cells = np.concatenate([np.empty((0, 4), dtype=np.int64), *(cells for cells, _ in parts)])
    probabilities = np.concatenate([np.empty(0, dtype=np.float32), *(given for _, given in parts)])
    return SuggestionFeedback(
        cells[:, 0], cells[:, 1], cells[:, 2], cells[:, 3].astype(np.int8), probabilities
    )


def _answers(
    session: Session, project_id: int, versions: Sequence[ModelVersion], doubted: Collection[str]
) -> dict[str, list[Answer]]:
    """The answers to each version, by its name."""
    known = {version.name: frozenset(version.label_ids) for version in versions}
    named = {name: label.id for name, label in labels_by_name(session, project_id).items()}
    chosen = (
        select(
            Observation.suggested_version,
            Observation.image_id,
            Observation.label_id,
            Observation.value,
            Observation.source,
            Annotation.suggested,
        )
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Annotation.project_id == project_id,
            Observation.suggested_version.in_(known),
            Observation.retired_at.is_(None),
            Label.archived_at.is_(None),
            Annotation.review.is_not(None),
            or_(Annotation.question.is_(None), Annotation.question != Question.CHECK),
            or_(Annotation.annotator.is_(None), Annotation.annotator.not_in(doubted)),
            Observation.source.in_((*ANSWERS, Source.TAG)),
        )
        .order_by(Observation.image_id, Observation.label_id, Observation.id)
    )
    answers: dict[str, list[Answer]] = {name: [] for name in known}
    for name, image_id, label_id, value, source, suggested in session.execute(chosen):
        if label_id not in known[name or ""]:
            continue
        if source in ANSWERS or any(named.get(each) == label_id for each in suggested or ()):
            answers[name or ""].append((image_id, label_id, value))
    return answers


def _with_probabilities(
    session: Session, version: ModelVersion, answers: Sequence[Answer]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """(version, image, label, value) of each answer, int64 (M, 4), and what the version gave, (M,)."""
    image_ids, vectors = load_vectors(session, version.id, sorted({image_id for image_id, _, _ in answers}))
    rows = {image_id: row for row, image_id in enumerate(image_ids)}
    columns = {label_id: column for column, label_id in enumerate(version.label_ids)}
    kept = [each for each in answers if each[0] in rows]
    cells = np.array([(version.id, *each) for each in kept], dtype=np.int64).reshape(-1, 4)
    at = [rows[image_id] for image_id, _, _ in kept], [columns[label_id] for _, label_id, _ in kept]
    return cells, vectors[at]
