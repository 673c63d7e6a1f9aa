"""How far annotators say the same of the same: agreement on shared images, and each one beside the others.

An image is shared that several annotators have answered. What is compared is what two or more said something
of: of one label an image each, two annotators often name different ones, which is no disagreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.models import Annotation, Image, Label, Observation

if TYPE_CHECKING:
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Confusion:
    """What one annotator said of one label on shared images, beside the consensus of all others there.

    Their ground truth is the consensus, where they have some, else their majority; where that is a tie it is
    unknown, and nothing is compared.
    """

    annotator: str
    label: str
    both_present: int
    both_absent: int
    present_alone: int
    absent_alone: int

    @property
    def compared(self) -> int:
        """Images on which the others have a consensus about the label."""
        return self.same + self.present_alone + self.absent_alone

    @property
    def same(self) -> int:
        """On how many of these the annotator says the same."""
        return self.both_present + self.both_absent


@dataclass(frozen=True)
class Agreement:
    """images: shared ones. cells: (image, label) that two annotators or more said something of; ties: those
    of which as many say yes as no. agree: the share of all pairs of statements on a cell that are the same.
    alpha: Krippendorff's, 1 for perfect agreement and 0 for that of chance; both are None where nothing can
    be compared, alpha also where all say the same of everything.
    """

    images: int
    cells: int
    ties: int
    agree: float | None
    alpha: float | None
    confusions: tuple[Confusion, ...]


@dataclass(frozen=True, eq=False)
class _Votes:
    """One vote of one annotator on one cell each, (V,): places of image, label and annotator; the vote of
    all the annotator's statements, and of those that are ground truth, each +1, -1 or 0 for none."""

    images: Integers
    labels: Integers
    annotators: Integers
    votes: Integers
    true: Integers


def agreement(session: Session, project_id: int) -> Agreement:
    """The agreement of a project's annotators: of live answers, images and labels."""
    labels = {label.id: label.name for label in live_labels(session, project_id)}
    rows = session.execute(_statements(project_id)).all()
    names = sorted({row[2] for row in rows})
    number = {name: place for place, name in enumerate(names)}
    table = np.array(
        [(image, label, number[name], votes, true or 0) for image, label, name, votes, true in rows],
        dtype=np.int64,
    ).reshape(-1, 5)
    pairs = np.unique(table[:, [0, 2]], axis=0)[:, 0]
    several = np.unique(pairs, return_counts=True)[1] > 1
    image, label, annotator, said, true = table.T
    votes = _Votes(image, label, annotator, np.sign(said), np.sign(true))
    return _measured(votes, int(several.sum()), labels, names)


def _measured(votes: _Votes, images: int, labels: dict[int, str], names: list[str]) -> Agreement:
    _, cell = np.unique(np.stack([votes.images, votes.labels]), axis=1, return_inverse=True)
    cell = cell.reshape(-1)
    cells = int(cell.max(initial=-1)) + 1
    present, absent = (np.bincount(cell, votes.votes == side, minlength=cells) for side in (1, -1))
    compared = present + absent > 1
    everybody = np.where(_sums(cell, votes.true != 0) > 0, _sums(cell, votes.true), present - absent)
    agree, alpha = _agree(present[compared], absent[compared])
    return Agreement(
        images=images,
        cells=int(compared.sum()),
        ties=int((everybody[compared] == 0).sum()),
        agree=agree,
        alpha=alpha,
        confusions=_confusions(votes, _others(votes, cell), labels, names),
    )


def _others(votes: _Votes, cell: Integers) -> Integers:
    """(V,) the consensus of the others on the cell of each vote: +1, -1, or 0 where there is none."""
    true, given = votes.true, votes.true != 0
    by_truth = _sums(cell, true)[cell] - true
    by_majority = _sums(cell, votes.votes)[cell] - votes.votes
    of_others = _sums(cell, given)[cell] > given
    consensus: Integers = np.sign(np.where(of_others, by_truth, by_majority)).astype(np.int64)
    return consensus


def _sums(cell: Integers, values: npt.NDArray[Any]) -> Integers:
    return np.bincount(cell, values, minlength=int(cell.max(initial=-1)) + 1).astype(np.int64)


def _agree(present: npt.NDArray[Any], absent: npt.NDArray[Any]) -> tuple[float | None, float | None]:
    """The share of pairs that agree and Krippendorff's alpha, of the counts on cells with two or more."""
    counts = present + absent
    all_pairs = float((counts * (counts - 1)).sum()) / 2
    if not all_pairs:
        return None, None
    unlike = present * absent
    yes, no = float(present.sum()), float(absent.sum())
    alpha = 1 - (yes + no - 1) * float((unlike / (counts - 1)).sum()) / (yes * no) if yes and no else None
    return 1 - float(unlike.sum()) / all_pairs, alpha


def _confusions(
    votes: _Votes, others: Integers, labels: dict[int, str], names: list[str]
) -> tuple[Confusion, ...]:
    """By annotator, then in the order of the labels."""
    places = {label: place for place, label in enumerate(labels)}
    told = (others != 0) & (votes.votes != 0)
    column = np.array([places[label] for label in votes.labels[told].tolist()], dtype=np.int64)
    counts = np.zeros((len(names), len(labels), 2, 2), dtype=np.int64)  # said, consensus: 0 absent, 1 present
    said, consensus = (votes.votes[told] > 0).astype(np.int64), (others[told] > 0).astype(np.int64)
    np.add.at(counts, (votes.annotators[told], column, said, consensus), 1)
    return tuple(
        Confusion(
            annotator=names[who],
            label=name,
            both_present=int(of[1, 1]),
            both_absent=int(of[0, 0]),
            present_alone=int(of[1, 0]),
            absent_alone=int(of[0, 1]),
        )
        for who in range(len(names))
        for of, name in zip(counts[who], labels.values(), strict=True)
        if of.any()
    )


def _statements(project_id: int) -> Select[*tuple[Any, ...]]:
    """(image, label, annotator, sum of the values, sum of the ground truth's) on shared images."""
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
    return (
        select(
            Observation.image_id,
            Observation.label_id,
            Observation.annotator,
            func.sum(Observation.value),
            true,
        )
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Observation.image_id.in_(shared),
            Observation.annotation_id.is_not(None),
            Observation.annotator.is_not(None),
            Observation.retired_at.is_(None),
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
        )
        .group_by(Observation.image_id, Observation.label_id, Observation.annotator)
    )
