"""Training runs: at most one a project waits or works, and one whose worker died is found again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.store.bulk import changed
from annotator.store.models import Image, Observation, TrainingRun
from annotator.store.types import utc_now

OPEN = ("queued", "running")


def open_run(session: Session, project_id: int) -> TrainingRun | None:
    """The run of a project that waits or works."""
    chosen = select(TrainingRun).where(TrainingRun.project_id == project_id, TrainingRun.state.in_(OPEN))
    return session.scalars(chosen.execution_options(populate_existing=True)).first()


def queue_run(
    session: Session, project_id: int, reason: str, recipe: dict[str, Any] | None = None
) -> TrainingRun | None:
    """Queue a training; None when one waits or works already, also when another process was quicker."""
    if open_run(session, project_id) is not None:
        return None
    run = TrainingRun(project_id=project_id, reason=reason, recipe=recipe or {})
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        return None
    return run


def claim_run(session: Session, run_id: int) -> TrainingRun | None:
    """Start a queued run; None when another worker has it or it is not queued any more."""
    now = utc_now()
    queued = (TrainingRun.id == run_id, TrainingRun.state == "queued")
    started = {"state": "running", "started_at": now, "heartbeat_at": now}
    if changed(session, update(TrainingRun).where(*queued).values(started)) == 0:
        return None
    return session.get_one(TrainingRun, run_id, populate_existing=True)


def report_run(session: Session, run_id: int, stage: str, progress: float) -> None:
    """Say how far a run is (0..1), and that it is alive."""
    said = {"stage": stage, "progress": min(max(progress, 0.0), 1.0), "heartbeat_at": utc_now()}
    session.execute(update(TrainingRun).where(TrainingRun.id == run_id).values(said))


def finish_run(
    session: Session,
    run_id: int,
    *,
    version_id: int | None = None,
    metrics: dict[str, Any] | None = None,
    error: str | None = None,
) -> None:
    """End a run: done, or failed with `error`."""
    ended: dict[str, Any] = {"state": "failed" if error else "done", "error": error, "finished_at": utc_now()}
    if not error:
        ended |= {"progress": 1.0, "version_id": version_id, "metrics": metrics or {}}
    session.execute(update(TrainingRun).where(TrainingRun.id == run_id).values(ended))


def fail_lost_runs(session: Session, silent_for: timedelta) -> list[TrainingRun]:
    """End the running runs that gave no sign of life for so long; returns them."""
    silent = (TrainingRun.state == "running", TrainingRun.heartbeat_at < utc_now() - silent_for)
    lost = list(session.scalars(select(TrainingRun).where(*silent).with_for_update()))
    for run in lost:
        run.state, run.finished_at = "failed", utc_now()
        run.error = "The worker stopped in the middle of this training."
    session.flush()
    return lost


def observations_since(session: Session, project_id: int, run: TrainingRun | None) -> int:
    """How many active observations came after `run` was started; all when there is no run."""
    chosen = (
        select(func.count())
        .select_from(Observation)
        .join(Image, Image.id == Observation.image_id)
        .where(Image.project_id == project_id, Image.removed_at.is_(None), Observation.retired_at.is_(None))
    )
    if run is not None and run.started_at is not None:
        chosen = chosen.where(Observation.created_at > run.started_at)
    return session.scalar(chosen) or 0
