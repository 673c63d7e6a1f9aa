"""What people and a version say of the images of a project, of some by chance where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store.drawn import drawn
from annotator.store.images import count_images
from annotator.store.models import Annotation, Image, Label, ModelVersion
from annotator.store.said import said, said_of_some
from annotator.store.states import Review
from annotator.store.vectors import load_column, load_vectors

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_IMAGES = 5_000
"""Images that are looked at, by chance of more: a share of a half is told to 1.4 points."""
WHOLE, SPREAD = 2**32, 2_654_435_761
"""A hash of numbers that both engines reckon (Knuth's, multiplicative): what is small is spread evenly."""
NEWEST_REVIEWS = 1_000
"""Complete reviews that are compared with what had been suggested, the newest."""


@dataclass(frozen=True, eq=False)
class LabelCells:
    """n of the `images` live images of a project, by chance, and its L live labels.

    values: int8 (n, L), +1 present, -1 absent, 0 unknown. probabilities: float32 (n, L), NaN where the
    version has no estimate.
    """

    images: int
    values: npt.NDArray[np.int8]
    probabilities: npt.NDArray[np.float32]

    @property
    def sampled(self) -> bool:
        """Whether it is a part of the images."""
        return len(self.values) < self.images


def label_cells(
    session: Session, project_id: int, labels: Sequence[Label], version: ModelVersion | None
) -> LabelCells:
    """The same images each time, as long as no image comes or goes."""
    live = Image.project_id == project_id, Image.removed_at.is_(None)
    images = count_images(session, project_id)
    chosen = select(Image.id).where(*live).order_by(Image.id)
    if images > MOST_IMAGES:
        chosen = chosen.where(Image.id * SPREAD % WHOLE < WHOLE * MOST_IMAGES // images)
    image_ids = session.scalars(chosen).all()
    values = said_of_some(session, [label.id for label in labels], image_ids).values
    return LabelCells(images, values, _estimates(session, version, labels, image_ids))


def _estimates(
    session: Session, version: ModelVersion | None, labels: Sequence[Label], image_ids: Sequence[int]
) -> npt.NDArray[np.float32]:
    """(n, L), in the order of images and labels; NaN where there is none."""
    result = np.full((len(image_ids), len(labels)), np.nan, dtype=np.float32)
    if version is None:
        return result
    found, vectors = load_vectors(session, version.id, image_ids)
    rows = {image_id: row for row, image_id in enumerate(image_ids)}
    columns = {label_id: column for column, label_id in enumerate(version.label_ids)}
    here = [place for place, label in enumerate(labels) if label.id in columns]
    there = [columns[labels[place].id] for place in here]
    result[np.ix_([rows[image_id] for image_id in found], here)] = vectors[:, there]
    return result


@dataclass(frozen=True, eq=False)
class CompleteReviews:
    """m images of which somebody marked all labels, the newest.

    image_ids: int64 (m,), ascending. values: int8 (m, L), what people say today. said: float32 (m, L), what
    the version had said that was shown then, which had not learned from it; NaN where that is not known.
    drawn: bool (m,), by chance.
    """

    image_ids: npt.NDArray[np.int64]
    values: npt.NDArray[np.int8]
    said: npt.NDArray[np.float32]
    drawn: npt.NDArray[np.bool_]

    def of(self, rows: npt.NDArray[np.bool_]) -> CompleteReviews:
        """Those of some rows (m,)."""
        return CompleteReviews(self.image_ids[rows], self.values[rows], self.said[rows], self.drawn[rows])


def complete_reviews(
    session: Session, project_id: int, labels: Sequence[Label], share: float
) -> CompleteReviews:
    """The newest complete reviews. share: of the images that are drawn, see `drawn`."""
    marked = (
        select(Annotation.image_id, Annotation.suggested_version)
        .join(Image, Image.id == Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.review == Review.ALL_LABELS,
            Image.removed_at.is_(None),
        )
        .order_by(Annotation.id.desc())
        .limit(NEWEST_REVIEWS)
    )
    shown = dict(reversed(session.execute(marked).all()))
    image_ids = sorted(shown)
    values = said_of_some(session, [label.id for label in labels], image_ids).values
    shown_chances = np.full(values.shape, np.nan, dtype=np.float32)
    of_project = ModelVersion.project_id == project_id, ModelVersion.name.in_({*shown.values()} - {None})
    for version in session.scalars(select(ModelVersion).where(*of_project)):
        rows = [row for row, image_id in enumerate(image_ids) if shown[image_id] == version.name]
        shown_chances[rows] = _estimates(session, version, labels, [image_ids[row] for row in rows])
    ids = np.array(image_ids, dtype=np.int64)
    return CompleteReviews(ids, values, shown_chances, drawn(project_id, image_ids, share))


def unknown_estimates(
    session: Session, label: Label, version: ModelVersion | None
) -> npt.NDArray[np.float32]:
    """What a version gives a label on the live images (n,) of which nothing is known of it."""
    if version is None or label.id not in version.label_ids:
        return np.empty(0, dtype=np.float32)
    image_ids, probabilities = load_column(session, version.id, version.label_ids.index(label.id))
    unknown: npt.NDArray[np.float32] = probabilities[said(session, [label.id], image_ids).values[:, 0] == 0]
    return unknown
