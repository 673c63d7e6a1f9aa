"""What the Progress view shows, counted once for all who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from annotator.dashboard.troubles import Trouble, troubles
from annotator.dashboard.version_rows import seconds_of
from annotator.store import (
    Annotation,
    Observation,
    Project,
    Store,
    count_images,
    count_unanswered,
    last_snapshot,
    live_labels,
    open_run,
    take_snapshot,
)
from annotator.store.costs import LONGEST, NEWEST, SHORTEST, Costs, costs
from annotator.store.label_record import Kind
from annotator.store.learning_curve import Step, learning_curve
from annotator.store.models import TrainingRun
from annotator.store.observation_counts import ABSENT, PRESENT, count_observations
from annotator.store.rates import Rate, rates
from annotator.store.states import RunState
from annotator.store.types import utc_now
from annotator.store.unused import answered
from annotator.store.versions import active_version


@dataclass(frozen=True)
class Figures:
    """What is counted quickly. images, answered, skipped, left: live images; labels: live ones."""

    images: int
    answered: int
    skipped: int
    left: int
    labels: int
    troubles: Sequence[Trouble]


@dataclass(frozen=True)
class Record:
    """What takes a look at all observations, or many answers.

    seconds: of people, on `timed` answers; what took over an hour was a break. curve: of the versions.
    """

    observed: Sequence[Kind]
    seconds: float
    timed: int
    costs: Costs
    rates: Sequence[Rate]
    curve: Sequence[Step]
    cells: int

    @property
    def present(self) -> int:
        """Observations that say present."""
        return sum(each.present for each in self.observed)

    @property
    def absent(self) -> int:
        """Observations that say absent."""
        return sum(each.absent for each in self.observed)


def figures(session: Session, project_id: int) -> Figures:
    """Count the images."""
    done = select(
        func.count(Annotation.image_id.distinct()).filter(answered()),
        func.count(Annotation.image_id.distinct()).filter(Annotation.skipped),
    ).where(*_live_answers(project_id))
    answers, skips = session.execute(done).one()
    return Figures(
        images=count_images(session, project_id),
        answered=answers,
        skipped=skips,
        left=count_unanswered(session, project_id),
        labels=len(live_labels(session, project_id)),
        troubles=troubles(session, project_id),
    )


def record(session: Session, project_id: int) -> Record:
    """Count what people said, and what it took them."""
    timed = select(func.sum(Annotation.lead_time), func.count()).where(
        *_live_answers(project_id), Annotation.lead_time.between(SHORTEST, LONGEST)
    )
    seconds, count = session.execute(timed).one()
    spent, labels = costs(session, project_id, newest=NEWEST), len(live_labels(session, project_id))
    suggests = session.get_one(Project, project_id).active_version_id is not None
    return Record(
        observed=_observed(session, project_id),
        seconds=float(seconds or 0.0),
        timed=count,
        costs=spent,
        rates=rates(spent, labels, suggests=suggests),
        curve=learning_curve(session, project_id),
        cells=count_images(session, project_id) * labels,
    )


def _live_answers(project_id: int) -> tuple[ColumnElement[bool], ...]:
    return Annotation.project_id == project_id, Annotation.retired_at.is_(None)


def _observed(session: Session, project_id: int) -> list[Kind]:
    """The live observations by how they came about, the most first."""
    counted = count_observations(session, project_id, PRESENT, ABSENT, by=Observation.source)
    found = [Kind(source, *counts) for source, counts in counted.items() if any(counts)]
    return sorted(found, key=lambda row: -(row.present + row.absent))


@dataclass(frozen=True)
class Training:
    """The training that is queued or running. share: 0..1 of it is done; left: seconds, about, once known."""

    state: RunState
    stage: str
    reason: str
    share: float
    since: datetime
    left: float | None


@dataclass(frozen=True)
class Now:
    """What changes while one looks. fresh, wanted: new observations since the last training, of those that
    start the next one at once. waiting: events that the worker has not taken in. version: in use.
    """

    training: Training | None
    fresh: int
    wanted: int
    idle: float
    waiting: int
    version: str | None
    version_at: datetime | None
    pinned: bool

    @property
    def share(self) -> float:
        """How far it is to the next training, 0..1."""
        return min(1.0, self.fresh / self.wanted)


def at_present(store: Store, project_id: int, waiting: int, *, wanted: int, idle: float) -> Now:
    """What goes on now. wanted, idle: after how many observations, and after how long a pause, one trains."""
    with store.reading() as session:
        now, last = take_snapshot(session, project_id), last_snapshot(session, project_id)
        version = active_version(session, project_id)
        return Now(
            training=_training(session, project_id),
            fresh=max(0, now.changes - (last.changes if last else 0)),
            wanted=wanted,
            idle=idle,
            waiting=waiting,
            version=version.name if version else None,
            version_at=version.created_at if version else None,
            pinned=session.get_one(Project, project_id).version_pinned,
        )


def _training(session: Session, project_id: int) -> Training | None:
    run = open_run(session, project_id)
    if run is None:
        return None
    since = run.started_at or run.queued_at
    return Training(
        run.state, run.stage, run.reason, run.progress, since, _seconds_left(session, run, project_id)
    )


def _seconds_left(session: Session, run: TrainingRun, project_id: int) -> float | None:
    """As long as the last training took, less what has passed; else as its share tells."""
    if run.started_at is None:
        return None
    passed = (utc_now() - run.started_at).total_seconds()
    last = session.scalars(
        select(TrainingRun)
        .where(TrainingRun.project_id == project_id, TrainingRun.state == RunState.DONE)
        .order_by(TrainingRun.id.desc())
        .limit(1)
    ).first()
    whole = seconds_of(last)
    if whole is not None and passed < whole:
        return whole - passed
    return passed * (1 / run.progress - 1) if run.progress > 0.1 else None
