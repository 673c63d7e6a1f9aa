"""What each annotator did: how many answers, when, of which kinds, and how quickly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store.costs import Answer, Cost, cost_of, times_of, without_breaks
from annotator.store.models import Annotation
from annotator.store.states import Question
from annotator.store.unused import answered

DAYS = 14
HOUR = 3600.0


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
    by_day: tuple[int, ...] = (0,) * DAYS


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
    live = Annotation.project_id == project_id, Annotation.retired_at.is_(None)
    counted = select(
        Annotation.annotator,
        func.count().filter(answered()),
        func.count().filter(Annotation.skipped),
        func.max(Annotation.created_at),
    )
    everybody = session.execute(counted.where(*live).group_by(Annotation.annotator)).all()
    daily = _by_day(session, project_id, today)
    found = [
        Activity(annotator, answers, skips, last, daily.get(annotator, (0,) * DAYS))
        for annotator, answers, skips, last in everybody
        if answers or skips
    ]
    return sorted(found, key=lambda each: (-each.answers, each.annotator is None, each.annotator or ""))


def days_until(today: datetime) -> list[datetime]:
    """When each of the last `DAYS` days began, in UTC.

    >>> days_until(datetime(2026, 3, 1, 12, tzinfo=UTC))[-2:] == [
    ...     datetime(2026, 2, 28, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    ... ]
    True
    """
    midnight = today.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [midnight - timedelta(days=back) for back in reversed(range(DAYS))]


def _by_day(session: Session, project_id: int, today: datetime) -> dict[str | None, tuple[int, ...]]:
    """Answers on each day, by annotator."""
    days = days_until(today)
    counts = [
        func.count().filter(Annotation.created_at >= day, Annotation.created_at < day + timedelta(days=1))
        for day in days
    ]
    chosen = select(Annotation.annotator, *counts).where(
        Annotation.project_id == project_id,
        Annotation.retired_at.is_(None),
        Annotation.created_at >= days[0],
        answered(),
    )
    return {row[0]: tuple(row[1:]) for row in session.execute(chosen.group_by(Annotation.annotator))}


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
