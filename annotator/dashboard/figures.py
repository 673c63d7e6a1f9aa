"""What the Progress view shows, counted once for all who look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.dashboard.troubles import Trouble, troubles
from annotator.store import (
    Annotation,
    Image,
    Label,
    ModelVersion,
    Observation,
    Project,
    Source,
    Store,
    count_unanswered,
    last_snapshot,
    open_run,
    take_snapshot,
)
from annotator.store.costs import LONGEST, NEWEST, SHORTEST, Costs, costs
from annotator.store.learning_curve import Step, learning_curve
from annotator.store.models import TrainingRun
from annotator.store.rates import Rate, rates
from annotator.store.states import RunState
from annotator.store.types import utc_now
from annotator.store.unused import answered


@dataclass(frozen=True)
class Observed:
    """The observations of one source."""

    source: Source
    present: int
    absent: int


@dataclass(frozen=True)
class Figures:
    """images, answered, skipped, left: counts of live images. seconds: of people, on all answers that were
    timed; breaks, as `store.costs` knows them, are cut where they are over an hour. curve: of the versions.
    """

    images: int
    answered: int
    skipped: int
    left: int
    labels: int
    observed: Sequence[Observed]
    seconds: float
    timed: int
    costs: Costs
    rates: Sequence[Rate]
    curve: Sequence[Step]
    troubles: Sequence[Trouble]

    @property
    def present(self) -> int:
        """Observations that say present."""
        return sum(each.present for each in self.observed)

    @property
    def absent(self) -> int:
        """Observations that say absent."""
        return sum(each.absent for each in self.observed)


def figures(session: Session, project: Project) -> Figures:
    """Count everything."""
    of_project = Annotation.project_id == project.id, Annotation.retired_at.is_(None)
    images = select(func.count(Image.id)).where(Image.project_id == project.id, Image.removed_at.is_(None))
    labels = select(func.count(Label.id)).where(Label.project_id == project.id, Label.archived_at.is_(None))
    done = select(
        func.count(Annotation.image_id.distinct()).filter(answered()),
        func.count(Annotation.image_id.distinct()).filter(Annotation.skipped),
    ).where(*of_project)
    timed = select(func.sum(Annotation.lead_time), func.count()).where(
        *of_project, Annotation.lead_time.between(SHORTEST, LONGEST)
    )
    answers, skips = session.execute(done).one()
    seconds, count = session.execute(timed).one()
    spent, number = costs(session, project.id, newest=NEWEST), session.scalar(labels) or 0
    return Figures(
        images=session.scalar(images) or 0,
        answered=answers,
        skipped=skips,
        left=count_unanswered(session, project.id),
        labels=number,
        observed=_observed(session, project.id),
        seconds=float(seconds or 0.0),
        timed=count,
        costs=spent,
        rates=rates(spent, number, suggests=project.active_version_id is not None),
        curve=learning_curve(session, project.id),
        troubles=troubles(session, project.id),
    )


def _observed(session: Session, project_id: int) -> list[Observed]:
    """The live observations by how they came about, the most first."""
    counted = (
        select(
            Observation.source,
            func.count().filter(Observation.value > 0),
            func.count().filter(Observation.value < 0),
        )
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Image.project_id == project_id,
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
            Observation.retired_at.is_(None),
        )
        .group_by(Observation.source)
    )
    rows = [Observed(*row) for row in session.execute(counted).all()]
    return sorted(rows, key=lambda row: -(row.present + row.absent))


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
        project = session.get_one(Project, project_id)
        now, last = take_snapshot(session, project_id), last_snapshot(session, project_id)
        version = session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
        return Now(
            training=_training(session, project_id),
            fresh=max(0, now.changes - (last.changes if last else 0)),
            wanted=wanted,
            idle=idle,
            waiting=waiting,
            version=version.name if version else None,
            version_at=version.created_at if version else None,
            pinned=project.version_pinned,
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
    if last is not None and last.started_at is not None and last.finished_at is not None:
        whole = (last.finished_at - last.started_at).total_seconds()
        if passed < whole:
            return whole - passed
    return passed * (1 / run.progress - 1) if run.progress > 0.1 else None
