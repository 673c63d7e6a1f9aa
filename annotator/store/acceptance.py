"""How readily annotators accept what is shown ticked and is not there: lazy acceptance.

Of the suggestions on reviewed pages, those are looked at which the others' consensus found absent. Nothing
absent is suggested on purpose: that would cost every annotator time and trust, and what a model errs in
deceives more than what is planted. `onetag agreement --shared` has more images seen by others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from annotator.store.shared import SharedVotes, shared_votes
from annotator.store.shares import Share

LIMIT = 0.5
"""Who confirms more than half of the absent suggestions says little by a confirmation.

Of suggestions of which 4 in 5 are right, 8 in 9 of those are that are confirmed by who confirms all that is
there and half of what is not; and 4 in 5, as before, by who confirms everything."""


@dataclass(frozen=True)
class Acceptance:
    """Of an annotator's answers to suggestions that others found absent, how many accepted these."""

    annotator: str
    known_absent: int
    accepted: int

    @property
    def rate(self) -> float:
        """The share that was accepted."""
        return self.accepted / self.known_absent

    @property
    def interval(self) -> tuple[float, float]:
        """Where the rate lies with 95 %, by Wilson's interval."""
        return Share(self.accepted, self.known_absent).interval

    def over(self, limit: float) -> bool:
        """Whether it lies above the limit for all that chance can have done."""
        return self.interval[0] > limit


def acceptances(session: Session, project_id: int, votes: SharedVotes | None = None) -> list[Acceptance]:
    """Of each annotator of whom something is known, by name. votes: as for `agreement`."""
    votes = votes or shared_votes(session, project_id, suggestions=True)
    absent = (votes.consensus() < 0) & (votes.accepted != votes.rejected)
    known = np.bincount(votes.annotators[absent], minlength=len(votes.names))
    accepted = np.bincount(votes.annotators[absent & votes.accepted], minlength=len(votes.names))
    counted = zip(votes.names, known.tolist(), accepted.tolist(), strict=True)
    return [Acceptance(name, count, lazily) for name, count, lazily in counted if count]


def lazy_annotators(session: Session, project_id: int, limit: float = LIMIT) -> frozenset[str]:
    """Those whose acceptance of absent suggestions lies above the limit."""
    return frozenset(each.annotator for each in acceptances(session, project_id) if each.over(limit))
