"""What annotators said on shared images: those that several have answered; and what the others say there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, Select, and_, case, exists, select, tuple_
from sqlalchemy.orm import Session, aliased

from annotator.store.bulk import chunked
from annotator.store.models import Annotation, Image, Label, Observation
from annotator.store.states import Source
from annotator.store.superseded import superseded

if TYPE_CHECKING:
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]


NEWEST_SHARED = 200
"""Shared images that `onetag status` looks at, those that were answered last."""
ANSWERS_AT_ONCE = 500


@dataclass(frozen=True, eq=False)
class SharedVotes:
    """One vote of one annotator on one cell (image, label) each, the newest word: V of them.

    images, labels: int64 (V,), their ids. annotators: int64 (V,), places among the `names`, which are sorted.
    votes: int64 (V,), +1 or -1; true: the same where it is ground truth, else 0. accepted, rejected: bool
    (V,), whether it answers a suggestion of a page that was marked as reviewed. cells: int64 (V,), which of
    the C cells. whole: whether all shared images were looked at.
    """

    images: Integers
    labels: Integers
    annotators: Integers
    votes: Integers
    true: Integers
    accepted: npt.NDArray[np.bool_]
    rejected: npt.NDArray[np.bool_]
    names: list[str]
    whole: bool = True

    @property
    def cells(self) -> Integers:
        """Which cell each vote is on, int64 (V,) from 0."""
        numbers = self.images * (self.labels.max(initial=0) + 1) + self.labels  # quicker than pairs
        cell: Integers = np.unique(numbers, return_inverse=True)[1].astype(np.int64)
        return cell

    def consensus(self) -> Integers:
        """Of each vote (V,): what all others say of its cell, +1 or -1; 0 where nobody does, or a tie.

        Their ground truth tells it where they have some, else their majority.
        """
        cell, given = self.cells, self.true != 0
        by_truth = sums(cell, self.true)[cell] - self.true
        by_majority = sums(cell, self.votes)[cell] - self.votes
        of_others = sums(cell, given)[cell] > given
        consensus: Integers = np.sign(np.where(of_others, by_truth, by_majority)).astype(np.int64)
        return consensus


def sums(cell: Integers, values: npt.NDArray[Any]) -> Integers:
    """The sum of the values (V,) on each cell, int64 (C,)."""
    return np.bincount(cell, values, minlength=int(cell.max(initial=-1)) + 1).astype(np.int64)


def shared_votes(
    session: Session, project_id: int, *, newest: int | None = None, suggestions: bool = False
) -> SharedVotes:
    """Of a project's live answers, images and labels; files of labels, and who is not known, do not vote.

    newest: on how many shared images, those that were answered last; None: on all. suggestions: only on the
    cells on which somebody answered a suggestion of a page that was marked as reviewed.
    """
    # Found first: where nothing is shared, as mostly, no observation is looked at.
    shared = _shared_images(session, project_id, None if newest is None else newest + 1)
    looked_at = shared[:newest]
    rows = [
        row
        for piece in chunked(looked_at)
        for row in session.execute(
            _statements(
                piece,
                superseded(session, Annotation.image_id.in_(piece)),
                suggestions=suggestions,
            )
        )
    ]
    names = sorted({row[2] for row in rows})
    number = {name: place for place, name in enumerate(names)}
    numbers = [(image, label, number[who], *counts) for image, label, who, *counts in rows]
    table = np.array(numbers, dtype=np.int64).reshape(-1, 7)
    image, label, annotator, said, true, accepted, rejected = table.T
    whole = len(looked_at) == len(shared)
    return SharedVotes(image, label, annotator, said, true, accepted > 0, rejected > 0, names, whole)


def _shared_images(session: Session, project_id: int, most: int | None) -> list[int]:
    """The images that several annotators have answered, the one with the newest answer first."""
    other = aliased(Annotation)
    shared = (
        select(Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            *_votes(Annotation),
            exists().where(
                other.image_id == Annotation.image_id,
                other.annotator != Annotation.annotator,
                *_votes(other),
            ),
        )
        .order_by(Annotation.id.desc())
        .execution_options(yield_per=ANSWERS_AT_ONCE)
    )
    found: dict[int, None] = {}
    with closing(session.scalars(shared)) as image_ids:  # not all are read
        for image_id in image_ids:
            found[image_id] = None
            if len(found) == most:
                break
    return list(found)


def _votes(answer: type[Annotation]) -> tuple[ColumnElement[bool], ...]:
    """Which answers vote: live ones of which it is known whose they are."""
    return answer.retired_at.is_(None), answer.skipped.is_(False), answer.annotator.is_not(None)


def _statements(images: Sequence[int], older: Select[int] | None, *, suggestions: bool) -> Select[Any]:
    """The rows of `SharedVotes`, without the older words of annotators who said several things of a cell."""
    reviewed = Annotation.review.is_not(None)
    cell = Observation.image_id, Observation.label_id
    return (
        select(
            *cell,
            Observation.annotator,
            Observation.value,
            case((Observation.ground_truth, Observation.value), else_=0),
            case((and_(Observation.source == Source.CONFIRMED, reviewed), 1), else_=0),
            case((and_(Observation.source == Source.REJECTED, reviewed), 1), else_=0),
        )
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Observation.image_id.in_(images),
            Observation.annotator.is_not(None),
            Observation.retired_at.is_(None),
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
            *([tuple_(*cell).in_(_answered_cells(images))] if suggestions else []),
            *([Observation.id.not_in(older)] if older is not None else []),
        )
    )


def _answered_cells(images: Sequence[int]) -> Select[int, int]:
    """The cells of these images on which somebody answered a suggestion of a reviewed page."""
    return (
        select(Observation.image_id, Observation.label_id)
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .where(
            Observation.image_id.in_(images),
            Observation.retired_at.is_(None),
            Observation.source.in_((Source.CONFIRMED, Source.REJECTED)),
            Annotation.review.is_not(None),
        )
    )
