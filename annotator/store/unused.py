"""Answers that make nothing known, or not all that they say, grouped by the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Text, cast, or_, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Image
from annotator.store.states import Unused

SHOWN = 5  # names and tasks that are listed
NO_NAMES = "[]"  # as both engines hold an empty list

IN_WORDS = {
    Unused.UNKNOWN_LABEL: "name what is no label of the project",
    Unused.OTHER_CONTROLS: "say nothing in the control that holds the labels",
    Unused.UNTOUCHED: "leave everything as it was shown",
    Unused.SHOWN_UNKNOWN: "change a prediction that is not known any more",
}
FIXES = {
    Unused.UNKNOWN_LABEL: "Add these labels in Settings > Labeling Interface, or correct the answers.",
    Unused.OTHER_CONTROLS: "If the labels are in another control: `onetag connect --control NAME`.",
    Unused.UNTOUCHED: "Nothing is wrong: what nobody touched is not an observation.",
    Unused.SHOWN_UNKNOWN: "Answer them again, if they matter.",
}


@dataclass(frozen=True)
class UnusedAnswers:
    """Live answers of which one reason holds: how many, by which names, and some of their tasks."""

    reason: Unused
    answers: int
    names: tuple[str, ...]
    """What they name that is no label, the most frequent first."""
    tasks: tuple[int, ...]

    @property
    def detail(self) -> str:
        """In words: `3 answers name what is no label of the project: zebra (tasks 4, 5, 6)`."""
        names = f": {_first(self.names)}" if self.names else ""
        return f"{self.answers} answers {IN_WORDS[self.reason]}{names} (tasks {_first(self.tasks)})"

    @property
    def fix(self) -> str:
        """What to do about it."""
        return FIXES[self.reason]


def answered() -> ColumnElement[bool]:
    """Whether a live annotation answers its image: not a skip, nor one that says nothing of the labels."""
    useful = or_(Annotation.unused.is_(None), Annotation.unused == Unused.UNTOUCHED)
    return Annotation.skipped.is_(False) & useful


def done() -> ColumnElement[bool]:
    """Whether a live annotation answers its image or skips it."""
    return answered() | Annotation.skipped


def unused_answers(session: Session, project_id: int) -> list[UnusedAnswers]:
    """The live answers of a project that are not used, or hold names that are not, by their reason.

    An answer that names a label and also something that is none is listed under that reason and still used.
    """
    chosen = (
        select(Annotation.unused, Annotation.unmatched, Image.studio_task)
        .join(Image, Image.id == Annotation.image_id)
        .where(
            Annotation.project_id == project_id,
            Annotation.retired_at.is_(None),
            Annotation.skipped.is_(False),
            Image.removed_at.is_(None),
            Annotation.unused.is_not(None) | (cast(Annotation.unmatched, Text) != NO_NAMES),
        )
        .order_by(Annotation.id)
        .execution_options(yield_per=1000)
    )
    counts: Counter[Unused] = Counter()
    tasks: dict[Unused, list[int]] = {}
    names: Counter[str] = Counter()
    for unused, unmatched, task in session.execute(chosen):
        reason = Unused.UNKNOWN_LABEL if unmatched else unused
        if reason is None:
            continue
        counts[reason] += 1
        names.update(unmatched)
        if task is not None and len(tasks.setdefault(reason, [])) <= SHOWN:
            tasks[reason].append(task)
    ranked = tuple(name for name, _ in names.most_common())
    return [
        UnusedAnswers(
            reason,
            counts[reason],
            ranked if reason is Unused.UNKNOWN_LABEL else (),
            tuple(tasks.get(reason, ())),
        )
        for reason in Unused
        if counts[reason]
    ]


def _first(values: Sequence[object]) -> str:
    shown = ", ".join(map(str, values[:SHOWN]))
    return f"{shown}, ..." if len(values) > SHOWN else shown
