"""What annotators said on shared images: those that several have answered; and what the others say there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Image, Label, Observation
from annotator.store.states import Source

if TYPE_CHECKING:
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class SharedVotes:
    """One vote of one annotator on one cell (image, label) each, V of them.

    images, labels: int64 (V,), their ids. annotators: int64 (V,), places among the `names`, which are sorted.
    votes: int64 (V,), what all statements of the annotator come to, +1, -1 or 0; true: the same of ground
    truth. accepted, rejected: bool (V,), whether it answers a suggestion of a page that was marked as
    reviewed. cells: int64 (V,), which of the C cells.
    """

    images: Integers
    labels: Integers
    annotators: Integers
    votes: Integers
    true: Integers
    accepted: npt.NDArray[np.bool_]
    rejected: npt.NDArray[np.bool_]
    names: list[str]

    @property
    def cells(self) -> Integers:
        """Which cell each vote is on, int64 (V,) from 0."""
        _, cell = np.unique(np.stack([self.images, self.labels]), axis=1, return_inverse=True)
        return cell.reshape(-1).astype(np.int64)

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


def shared_votes(session: Session, project_id: int) -> SharedVotes:
    """Of a project's live answers, images and labels; files of labels, and who is not known, do not vote."""
    rows = session.execute(_statements(project_id)).all()
    names = sorted({row.annotator for row in rows})
    number = {name: place for place, name in enumerate(names)}
    numbers = [(*row[:2], number[row.annotator], *row[3:]) for row in rows]
    table = np.array(numbers, dtype=np.int64).reshape(-1, 7)
    image, label, annotator, said, true, accepted, rejected = table.T
    signs = np.sign(said), np.sign(true)
    return SharedVotes(image, label, annotator, *signs, accepted > 0, rejected > 0, names)


def _statements(project_id: int) -> Select[*tuple[Any, ...]]:
    """The rows of `SharedVotes`: values summed, and how often suggestions were accepted and rejected."""
    shared = (
        select(Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.skipped.is_(False),
            Annotation.annotator.is_not(None),
        )
        .group_by(Annotation.image_id)
        .having(func.count(Annotation.annotator.distinct()) > 1)
    )
    true = func.sum(case((Observation.ground_truth, Observation.value), else_=0))

    def answered(source: Source) -> Any:
        reviewed = and_(Observation.source == source, Annotation.review.is_not(None))
        return func.sum(case((reviewed, 1), else_=0))

    return (
        select(
            Observation.image_id,
            Observation.label_id,
            Observation.annotator,
            func.sum(Observation.value),
            true,
            answered(Source.CONFIRMED),
            answered(Source.REJECTED),
        )
        .join(Annotation, Annotation.id == Observation.annotation_id)
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Observation.image_id.in_(shared),
            Observation.annotator.is_not(None),
            Observation.retired_at.is_(None),
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
        )
        .group_by(Observation.image_id, Observation.label_id, Observation.annotator)
    )
