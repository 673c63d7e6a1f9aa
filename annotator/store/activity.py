"""What each annotator did: how many answers, when, of which kinds, and how quickly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from annotator.store.costs import Answer, Cost, cost_of, times_of, without_breaks
from annotator.store.models import Annotation
from annotator.store.rates import HOUR
from annotator.store.states import Question
from annotator.store.unused import answered

DAYS, DAY = 14, timedelta(days=1)


@dataclass(frozen=True)
class Activity:
    """The live answers of one annotator.

    annotator: None for those of which it is not known whose they are. answers, skips: of all time. last: when
    the newest was given. by_day: answers on each of the last `DAYS` days, in UTC, today last.
    """

    annotator: str | None
    answers: int
    skips: int
    last: datetime
    by_day: tuple[int, ...]


@dataclass(frozen=True)
class Pace:
    """How quickly one annotator answers, by the answers that were looked at.

    kinds: how many were of each kind. costs: what each kind takes that was timed, a prior nowhere: see
    `Cost.measured`. timed: answers that were timed, breaks cut out; seconds: all that they took.
    """

    kinds: Counter[Question]
    costs: dict[Question, Cost]
    timed: int
    seconds: float

    @property
    def an_hour(self) -> float | None:
        """Answers an hour, breaks cut out; None where none was timed."""
        return HOUR * self.timed / self.seconds if self.seconds else None

    @property
    def breaks(self) -> int:
        """Timed answers that were cut out."""
        return sum(cost.breaks for cost in self.costs.values())


def activities(session: Session, project_id: int, today: datetime) -> list[Activity]:
    """Everybody who answered or skipped an image, the busiest first. today: a moment of the last day."""
    days = days_until(today)
    # The first that fits counts: most answers are older, and compared once.
    place = case(
        (Annotation.created_at < days[0], -1),
        *((Annotation.created_at < day, number) for number, day in enumerate(days[1:])),
        else_=DAYS - 1,
    )
    counted = (
        select(
            Annotation.annotator,
            place.label("day"),
            func.count().filter(answered()),
            func.count().filter(Annotation.skipped),
            func.max(Annotation.created_at),
        )
        .where(Annotation.project_id == project_id, Annotation.retired_at.is_(None))
        .group_by(Annotation.annotator, "day")
    )
    found: dict[str | None, list[tuple[int, int, int, datetime]]] = {}
    for annotator, *counts in session.execute(counted):
        found.setdefault(annotator, []).append(tuple(counts))
    each = [_activity(annotator, rows) for annotator, rows in found.items()]
    return sorted(
        (one for one in each if one.answers or one.skips),
        key=lambda one: (-one.answers, one.annotator is None, one.annotator or ""),
    )


def _activity(annotator: str | None, rows: Sequence[tuple[int, int, int, datetime]]) -> Activity:
    """Of rows of day, answers, skips and the newest moment; -1 is the day of all that is older."""
    by_day = [0] * DAYS
    for day, answers, _, _ in rows:
        if day >= 0:
            by_day[day] = answers
    return Activity(
        annotator=annotator,
        answers=sum(row[1] for row in rows),
        skips=sum(row[2] for row in rows),
        last=max(row[3] for row in rows),
        by_day=tuple(by_day),
    )


def days_until(today: datetime) -> list[datetime]:
    """When each of the last `DAYS` days began, in UTC.

    >>> days_until(datetime(2026, 3, 1, 12, tzinfo=UTC))[-2:] == [
    ...     datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    ... ]
    True
    """
    midnight = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - back * DAY for back in reversed(range(DAYS))]


def paces(answers: Sequence[Answer]) -> dict[str | None, Pace]:
    """The pace of each annotator, by answers as `newest_answers` reads them."""
    by_annotator: dict[str | None, list[Answer]] = {}
    for each in answers:
        by_annotator.setdefault(each.annotator, []).append(each)
    return {annotator: _pace(own) for annotator, own in by_annotator.items()}


def _pace(own: Sequence[Answer]) -> Pace:
    """Of the answers of one annotator."""
    times = {question: seconds for (question, _), seconds in times_of(own).items()}
    kept = {question: without_breaks(seconds) for question, seconds in times.items()}
    return Pace(
        kinds=Counter(each.question for each in own),
        costs={each: cost_of(each, kept[each], len(times[each]) - len(kept[each]), 0.0) for each in kept},
        timed=sum(map(len, kept.values())),
        seconds=sum(map(sum, kept.values())),
    )
