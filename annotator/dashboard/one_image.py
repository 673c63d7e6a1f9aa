"""All that is known of one image: what people said, ever, and what two versions estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, load_only

from annotator.dashboard.catalog import thresholds_of
from annotator.store import (
    Annotation,
    Image,
    Import,
    Label,
    LabelVector,
    ModelVersion,
    Observation,
    Source,
    Suggestion,
    live_labels,
)
from annotator.store.said import said
from annotator.store.types import UtcDateTime
from annotator.store.vectors import load_vectors, reaches

REVISIONS = 100
"""Answers that are listed, the newest ones."""
LIKELY = 0.1
"""From which probability on an unknown label is listed among the first."""
DIGITS = 9
"""Labels that one digit answers."""


@dataclass(frozen=True)
class Statement:
    """That somebody said of a label that it is there (+1) or not (-1): who, how and when.

    annotator: None where nobody is named; file: of an import. ground_truth: it outvotes those that are not.
    """

    label: str
    value: int
    source: Source
    annotator: str | None
    file: str | None
    at: datetime
    ground_truth: bool


@dataclass(frozen=True)
class Row:
    """One label: what people come to say (0: unknown; tied: because they disagree), and what is estimated.

    chance, before: by the version that is shown and by the one before, None where it estimated nothing.
    threshold: from which the label is suggested; above 1 where it never is. place: in the project's order.
    """

    label: str
    place: int
    value: int
    tied: bool
    statements: Sequence[Statement]
    chance: float | None
    before: float | None
    threshold: float | None

    @property
    def difference(self) -> float | None:
        """By how much it is estimated higher than before."""
        return self.chance - self.before if self.chance is not None and self.before is not None else None

    @property
    def suggested(self) -> bool:
        """Whether its estimate reaches the threshold."""
        if self.chance is None or self.threshold is None:
            return False
        return bool(reaches(self.chance, self.threshold))

    @property
    def likely(self) -> bool:
        """Whether it may be there, whatever people say."""
        return self.chance is None or bool(reaches(self.chance, LIKELY))

    @property
    def first(self) -> bool:
        """Whether it is worth a look: people say that it is there, or it may be."""
        denied = self.value < 0 and self.chance is not None and self.chance < 0.5
        return self.value > 0 or self.tied or (self.likely and not denied)


@dataclass(frozen=True)
class Revision:
    """One answer as it was, or is while `retired_at` is None, with what it made known."""

    annotation: Annotation
    statements: Sequence[Statement]


@dataclass(frozen=True)
class OneImage:
    """An image with its labels, people's word first and then the likeliest; revisions: the newest first.

    version, previous: whose estimates are shown; None where there are none.
    """

    image: Image
    rows: Sequence[Row]
    revisions: Sequence[Revision]
    imported: Sequence[Statement]
    suggestion: Suggestion | None
    version: ModelVersion | None
    previous: ModelVersion | None

    @property
    def to_answer(self) -> Sequence[Row]:
        """The labels that digits answer, in their order, which no answer changes: the likeliest first, and
        behind them those that are worth a look by people's word alone.
        """
        asked = [row for row in self.rows if row.likely or row.first]
        ordered = sorted(asked, key=lambda row: (not row.likely, -(row.chance or 0.0), row.place))
        return ordered[:DIGITS]

    @property
    def others(self) -> Sequence[Row]:
        """All other labels, in the project's order."""
        asked = {row.place for row in self.to_answer}
        return sorted((row for row in self.rows if row.place not in asked), key=lambda row: row.place)


def one_image(session: Session, image: Image, version: ModelVersion | None) -> OneImage:
    """An image as a version sees it, beside the version before that one."""
    labels = live_labels(session, image.project_id)
    previous = _previous(session, image, version)
    revisions, imported = _revisions(session, image), _imported(session, image)
    live = [
        each
        for revision in revisions
        if revision.annotation.retired_at is None
        for each in revision.statements
    ]
    suggestion = session.get(Suggestion, (version.id, image.id)) if version is not None else None
    rows = _rows(session, image, labels, version, previous, [*live, *imported])
    return OneImage(image, rows, revisions, imported, suggestion, version, previous)


def _rows(
    session: Session,
    image: Image,
    labels: Sequence[Label],
    version: ModelVersion | None,
    previous: ModelVersion | None,
    live: Sequence[Statement],
) -> list[Row]:
    known = said(session, [label.id for label in labels], np.array([image.id]))
    now, before = _chances(session, image, version), _chances(session, image, previous)
    thresholds = thresholds_of(version)
    rows = [
        Row(
            label.name,
            column,
            int(known.values[0, column]),
            bool(known.tied[0, column]),
            [each for each in live if each.label == label.name],
            now.get(label.id),
            before.get(label.id),
            thresholds.get(label.id),
        )
        for column, label in enumerate(labels)
    ]
    return sorted(rows, key=lambda row: (-row.value, not row.tied, -(row.chance or 0.0)))


def _previous(session: Session, image: Image, version: ModelVersion | None) -> ModelVersion | None:
    """The newest version before this one that has estimates of the image."""
    if version is None:
        return None
    before = (
        select(ModelVersion)
        .join(LabelVector, LabelVector.version_id == ModelVersion.id)
        .where(
            ModelVersion.project_id == image.project_id,
            ModelVersion.id < version.id,
            LabelVector.image_id == image.id,
        )
    )
    return session.scalars(before.order_by(ModelVersion.id.desc()).limit(1)).first()


def _chances(session: Session, image: Image, version: ModelVersion | None) -> dict[int, float]:
    """What a version estimates of an image, by the label's id."""
    if version is None:
        return {}
    _, vectors = load_vectors(session, version.id, [image.id])
    return dict(zip(version.label_ids, vectors[0].tolist(), strict=True)) if len(vectors) else {}


def _revisions(session: Session, image: Image) -> list[Revision]:
    """All answers of an image, with what each of them made known."""
    shown = load_only(
        *(
            Annotation.annotator,
            Annotation.question,
            Annotation.review,
            Annotation.skipped,
            Annotation.unused,
        ),
        *(Annotation.suggested, Annotation.suggested_version, Annotation.lead_time, Annotation.ground_truth),
        *(Annotation.updated_at, Annotation.retired_at, Annotation.unmatched, Annotation.revision),
    )
    chosen = select(Annotation).where(Annotation.image_id == image.id).options(shown)
    annotations = session.scalars(chosen.order_by(Annotation.id.desc()).limit(REVISIONS)).all()
    said_in: dict[int, list[Statement]] = {}
    of_these = Observation.annotation_id.in_([each.id for each in annotations])
    for annotation_id, statement in _statements(session, of_these):
        said_in.setdefault(annotation_id or 0, []).append(statement)
    return [Revision(each, said_in.get(each.id, [])) for each in annotations]


def _imported(session: Session, image: Image) -> list[Statement]:
    """What files say of an image now."""
    live = Observation.image_id == image.id, Observation.retired_at.is_(None)
    return [each for _, each in _statements(session, *live, Observation.import_id.is_not(None))]


def _statements(session: Session, *conditions: ColumnElement[bool]) -> Iterator[tuple[int | None, Statement]]:
    """Observations of which these conditions hold, each with the annotation that it is of."""
    at = func.coalesce(Annotation.updated_at, Observation.created_at, type_=UtcDateTime)
    chosen = (
        select(Observation, Label.name, Import.name, at)
        .join(Label, Label.id == Observation.label_id)
        .outerjoin(Import, Import.id == Observation.import_id)
        .outerjoin(Annotation, Annotation.id == Observation.annotation_id)
        .where(*conditions)
        .order_by(Observation.value.desc(), Label.position, Observation.id)
    )
    for told, label, file, moment in session.execute(chosen):
        yield (
            told.annotation_id,
            Statement(label, told.value, told.source, told.annotator, file, moment, told.ground_truth),
        )
