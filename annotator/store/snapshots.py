"""What a training looks at, in numbers: two equal snapshots make the same model."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store.models import Event, Image, Label, Observation, PageAnswer, TrainingRun
from annotator.store.states import RunState
from annotator.store.types import UtcDateTime, utc_now


@dataclass(frozen=True)
class Snapshot:
    """changes: observations written plus observations retired, so it only ever grows; images: those that are
    there; labels: ids of the live ones, in their order.
    """

    changes: int = 0
    images: int = 0
    labels: list[int] = field(default_factory=list)


def take_snapshot(session: Session, project_id: int) -> Snapshot:
    """What a training started now would look at."""
    of_project = select(Label.id).where(Label.project_id == project_id)
    changes = session.execute(
        select(func.count(Observation.id) + func.count(Observation.retired_at)).where(
            Observation.label_id.in_(of_project)
        )
    ).scalar_one()
    images = session.execute(
        select(func.count(Image.id)).where(Image.project_id == project_id, Image.removed_at.is_(None))
    ).scalar_one()
    labels = session.scalars(
        select(Label.id)
        .where(Label.project_id == project_id, Label.archived_at.is_(None))
        .order_by(Label.position)
    ).all()
    return Snapshot(changes, images, list(labels))


def snapshot_of(run: TrainingRun) -> Snapshot | None:
    """What a run looked at; None before it was claimed."""
    if run.snapshot_changes is None:
        return None
    return Snapshot(run.snapshot_changes, run.snapshot_images or 0, list(run.snapshot_labels or ()))


def last_snapshot(session: Session, project_id: int) -> Snapshot | None:
    """What the last run that ended looked at, whichever way it ended; None before the first."""
    ended = select(TrainingRun).where(
        TrainingRun.project_id == project_id, TrainingRun.state.in_((RunState.DONE, RunState.FAILED))
    )
    last = session.scalars(ended.order_by(TrainingRun.id.desc()).limit(1)).first()
    return None if last is None else snapshot_of(last)


def idle_seconds(session: Session, project_id: int) -> float:
    """Seconds since something was last answered: an event of the project arrived, or people said or took back
    something on the page; infinite when there never was anything.

    Infinite too after the clock was put back, until the next of these: for how long none came is not known.
    """
    newest = select(Event.received_at).where(Event.project_id == project_id).order_by(Event.id.desc())
    on_the_page = select(
        func.max(PageAnswer.answered_at, type_=UtcDateTime), func.max(PageAnswer.undone_at, type_=UtcDateTime)
    ).where(PageAnswer.project_id == project_id)
    moments = [session.execute(newest.limit(1)).scalar_one_or_none(), *session.execute(on_the_page).one()]
    latest = max((each for each in moments if each is not None), default=None)
    idle = (utc_now() - latest).total_seconds() if latest is not None else float("inf")
    return idle if idle >= 0 else float("inf")
