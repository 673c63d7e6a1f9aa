"""What the Labels view shows of all labels, counted once for all who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from annotator.dashboard.measures import (
    Interval,
    average_precision,
    prevalence,
    shares_together,
    suggested,
)
from annotator.exchange.rows import label_thresholds
from annotator.store import live_labels, suggestion_feedback
from annotator.store.label_cells import CompleteReviews, complete_reviews, label_cells
from annotator.store.label_counts import LabelCount, label_counts
from annotator.store.shares import Share
from annotator.store.thresholds import held_thresholds
from annotator.store.versions import active_version

if TYPE_CHECKING:
    import numpy.typing as npt

LEAST_DRAWN = 20
"""Images drawn by chance and marked completely from which on they alone are measured on."""


@dataclass(frozen=True)
class Precision:
    """Average precision, 0..1, over so many complete reviews, and how many of them show the label."""

    value: float
    reviews: int
    present: int


@dataclass(frozen=True)
class LabelFigure:
    """One label.

    unknown: live images of which people said nothing, or as often yes as no. prevalence: by people and
    estimates together. drawn: of the images drawn by chance and marked completely, those that show it; of
    fewer than 20, nothing. right: of answered suggestions. threshold: of the version in use, None without
    one, above 1 where the label is not suggested. held: whether a person set it. suggests: on so many images,
    about, where they are sampled.
    """

    id: int
    name: str
    place: int
    count: LabelCount
    unknown: int
    prevalence: Interval | None
    drawn: Share
    precision: Precision | None
    right: Share
    threshold: float | None
    held: bool
    suggests: int | None

    @property
    def known(self) -> int:
        """Live images of which it is known."""
        return self.count.present + self.count.absent


@dataclass(frozen=True, eq=False)
class LabelFigures:
    """images: live ones, of which `looked_at` were looked at for estimates. reviews: complete ones that
    average precision is measured on, all of them `by_chance` or chosen. by_people, estimated: (L, L), see
    `shares_together`.
    """

    labels: Sequence[LabelFigure]
    images: int
    looked_at: int
    version: str | None
    reviews: int
    by_chance: bool
    by_people: npt.NDArray[np.float64]
    estimated: npt.NDArray[np.float64]


def label_figures(session: Session, project_id: int, complete_share: float) -> LabelFigures:
    """Count everything. complete_share: of the images that are drawn by chance to be marked completely."""
    labels, version = live_labels(session, project_id), active_version(session, project_id)
    counts = label_counts(session, project_id)
    cells = label_cells(session, project_id, labels, version)
    reviews = complete_reviews(session, project_id, labels, complete_share)
    drawn = reviews.of(reviews.drawn)
    by_chance = len(drawn.values) >= LEAST_DRAWN
    measured = drawn if by_chance else reviews
    thresholds = label_thresholds(version, labels)
    found = prevalence(cells.values, cells.probabilities, cells.images)
    part = cells.images / max(1, len(cells.values))
    suggests = suggested(cells.values, cells.probabilities, thresholds) * part
    right, held = _right(session, project_id), held_thresholds(session, project_id)
    figures = [
        LabelFigure(
            id=label.id,
            name=label.name,
            place=place,
            count=counts[label.id],
            unknown=cells.images - counts[label.id].present - counts[label.id].absent,
            prevalence=found[place],
            drawn=drawn_share(drawn, place),
            precision=precision_of(measured, place),
            right=right.get(label.id, Share()),
            threshold=None if np.isnan(thresholds[place]) else float(thresholds[place]),
            held=label.id in held,
            suggests=None if np.isnan(thresholds[place]) else round(float(suggests[place])),
        )
        for place, label in enumerate(labels)
    ]
    by_people, estimated = shares_together(cells.values, cells.probabilities)
    return LabelFigures(
        labels=figures,
        images=cells.images,
        looked_at=len(cells.values),
        version=version.name if version else None,
        reviews=len(measured.values),
        by_chance=by_chance,
        by_people=by_people,
        estimated=estimated,
    )


def precision_of(reviews: CompleteReviews, place: int) -> Precision | None:
    """How well a label was ranked on images that were marked completely later; None where none shows it."""
    values, said = reviews.values[:, place], reviews.said[:, place]
    told = (values != 0) & ~np.isnan(said)
    value = average_precision(said[told], values[told] > 0)
    return None if value is None else Precision(value, int(told.sum()), int((values[told] > 0).sum()))


def drawn_share(drawn: CompleteReviews, place: int) -> Share:
    """Of the drawn images, those that show a label; nothing of fewer than 20."""
    told = drawn.values[:, place]
    known = int((told != 0).sum())
    return Share(int((told > 0).sum()), known) if known >= LEAST_DRAWN else Share()


def _right(session: Session, project_id: int) -> dict[int, Share]:
    """Of the answered suggestions of each label, those that were right."""
    feedback = suggestion_feedback(session, project_id)
    return {
        int(label): Share(
            int((feedback.values[feedback.label_ids == label] > 0).sum()),
            int((feedback.label_ids == label).sum()),
        )
        for label in np.unique(feedback.label_ids)
    }
