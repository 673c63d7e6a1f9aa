"""How far annotators say the same of the same: agreement on shared images, and each one beside the others.

An image is shared that several annotators have answered. What is compared is what two or more said something
of: of one label an image each, two annotators often name different ones, which is no disagreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.shared import SharedVotes, shared_votes, sums

if TYPE_CHECKING:
    from annotator.store.shared import Integers


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
    be compared, alpha also where all say the same of everything. whole: whether all shared images were
    looked at; else those that were answered last.
    """

    images: int
    cells: int
    ties: int
    agree: float | None
    alpha: float | None
    confusions: tuple[Confusion, ...]
    whole: bool = True


def agreement(session: Session, project_id: int, votes: SharedVotes | None = None) -> Agreement:
    """The agreement of a project's annotators: of live answers, images and labels.

    votes: its shared votes, where they have been read already, or those to look at.
    """
    labels = {label.id: label.name for label in live_labels(session, project_id)}
    votes = votes or shared_votes(session, project_id)
    answers = np.unique(votes.images * len(votes.names) + votes.annotators)
    several = np.unique(answers // max(1, len(votes.names)), return_counts=True)[1] > 1
    cell = votes.cells
    present, absent = sums(cell, votes.votes > 0), sums(cell, votes.votes < 0)
    compared = present + absent > 1
    truth = sums(cell, votes.true != 0) > 0
    everybody = np.where(truth, sums(cell, votes.true), present - absent)
    agree, alpha = _agree(present[compared], absent[compared])
    return Agreement(
        images=int(several.sum()),
        cells=int(compared.sum()),
        ties=int((everybody[compared] == 0).sum()),
        agree=agree,
        alpha=alpha,
        confusions=_confusions(votes, labels),
        whole=votes.whole,
    )


def _agree(present: Integers, absent: Integers) -> tuple[float | None, float | None]:
    """The share of pairs that agree and Krippendorff's alpha, of the counts on cells with two or more."""
    counts = present + absent
    all_pairs = float((counts * (counts - 1)).sum()) / 2
    if not all_pairs:
        return None, None
    unlike = present * absent
    yes, no = float(present.sum()), float(absent.sum())
    alpha = 1 - (yes + no - 1) * float((unlike / (counts - 1)).sum()) / (yes * no) if yes and no else None
    return 1 - float(unlike.sum()) / all_pairs, alpha


def _confusions(votes: SharedVotes, labels: dict[int, str]) -> tuple[Confusion, ...]:
    """By annotator, then in the order of the labels."""
    names, others = votes.names, votes.consensus()
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
