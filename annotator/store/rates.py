"""What a minute of each kind of question brings: worth and cost of an answer, the most for its time first."""

from __future__ import annotations

from dataclasses import dataclass

from annotator.store.costs import Cost, Costs
from annotator.store.states import Question

WORTH, WORTH_SPREAD = 3.0, 1.0
"""Tags that a completely marked image is worth, until the record tells: 2 were measured on a sample of COCO
with 18 labels, 4 on UC Merced with 17, by `benchmarks/worth.py`."""
HOUR = 3600.0
STEP = 100  # answers: of so many it is told what they bring


@dataclass(frozen=True)
class Rate:
    """What asking one kind of question brings. worth, spread: of an answer, in tags, and how sure that is."""

    cost: Cost
    worth: float
    spread: float

    @property
    def question(self) -> Question:
        """The kind."""
        return self.cost.question

    @property
    def an_hour(self) -> float:
        """Tags' worth that an hour brings."""
        return HOUR / self.cost.seconds * self.worth

    @property
    def an_hour_spread(self) -> float:
        """How sure that is, as far as it comes from the worth."""
        return HOUR / self.cost.seconds * self.spread


def rates(
    costs: Costs, labels: int, *, suggests: bool, worth: float = WORTH, spread: float = WORTH_SPREAD
) -> list[Rate]:
    """The kinds that can be asked, the most an hour first.

    A label that is settled beside the tag counts as its share of what a complete image adds to a tag,
    (worth - 1) / (labels - 1): that is derived, and holds for suggestions checked and for a yes or no.
    suggests: whether a version makes suggestions. Yes or no counts once somebody has answered so.
    """
    settled = costs.suggestions if suggests else 0.0
    others = max(1, labels - 1)
    found = {
        Question.TAG: Rate(costs.of(Question.TAG), 1.0, 0.0),
        Question.COMPLETE: Rate(costs.of(Question.COMPLETE), worth, spread),
    }
    if suggests:
        share = settled / others
        found[Question.CHECK] = Rate(costs.of(Question.CHECK), 1 + share * (worth - 1), share * spread)
    if costs.of(Question.YES_NO).answers:
        one = max(0.0, worth - 1) / others
        found[Question.YES_NO] = Rate(costs.of(Question.YES_NO), one, spread / others)
    return sorted(found.values(), key=lambda rate: -rate.an_hour)


def close(first: Rate, second: Rate) -> bool:
    """Whether what is known cannot tell which of two brings more."""
    return first.an_hour - second.an_hour < first.an_hour_spread + second.an_hour_spread
