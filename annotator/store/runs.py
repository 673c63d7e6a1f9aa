"""The life of a training run: queued, claimed, reporting, and ended, or lost and queued again.

At most one run a project is queued or running.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.bulk import rowcount
from annotator.store.models import TrainingRun
from annotator.store.snapshots import take_snapshot
from annotator.store.states import RunFailure, RunReason, RunState
from annotator.store.types import utc_now
from annotator.store.watch import Watch

OPEN = (RunState.QUEUED, RunState.RUNNING)
ENDED = (RunState.DONE, RunState.FAILED)
SILENT_SECONDS = 20.0  # without a sign of life
MAX_LOSSES = 3  # a training that kills its worker every time must not do so for ever
RETRY_AFTER = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)
MOST_COUNTED = 20

log = logging.getLogger(__name__)


class RunGone(OnetagError):  # noqa: N818 (it names what became of the run)
    """The run is no longer ours: it was taken for lost, or ended from outside."""


def open_run(session: Session, project_id: int) -> TrainingRun | None:
    """The run of a project that is queued or running."""
    chosen = select(TrainingRun).where(TrainingRun.project_id == project_id, TrainingRun.state.in_(OPEN))
    return session.scalars(chosen.execution_options(populate_existing=True)).first()


def next_queued_run(session: Session) -> TrainingRun | None:
    """The run that has waited longest."""
    queued = select(TrainingRun).where(TrainingRun.state == RunState.QUEUED)
    return session.scalars(queued.order_by(TrainingRun.queued_at).limit(1)).first()


def queue_run(
    session: Session, project_id: int, reason: RunReason, recipe: dict[str, Any] | None = None
) -> TrainingRun | None:
    """Queue a training; None when one is open already, also when another process was quicker."""
    if open_run(session, project_id) is not None:
        return None
    run = TrainingRun(project_id=project_id, reason=reason, recipe=recipe or {})
    try:
        with session.begin_nested():
            session.add(run)
    except IntegrityError:
        return None
    return run


def queue_in_place_of_damaged(session: Session, project_id: int) -> TrainingRun | None:
    """Queue a training that makes a damaged version again; None where one is open, or just failed at that."""
    ended = select(TrainingRun).where(TrainingRun.project_id == project_id, TrainingRun.state.in_(ENDED))
    last = session.scalars(ended.order_by(TrainingRun.id.desc()).limit(1)).first()
    if last is not None and (last.state, last.reason) == (RunState.FAILED, RunReason.VERSION_DAMAGED):
        return None
    return queue_run(session, project_id, RunReason.VERSION_DAMAGED)


def claim_run(session: Session, run_id: int) -> TrainingRun | None:
    """Start a queued run; None when another worker has it or it is not queued any more.

    Its snapshot is taken before the matrix is read, so that what comes meanwhile counts as new.
    """
    now = utc_now()
    queued = (TrainingRun.id == run_id, TrainingRun.state == RunState.QUEUED)
    started = {
        **{"state": RunState.RUNNING, "started_at": now, "heartbeat_at": now},
        "beats": TrainingRun.beats + 1,
    }
    if rowcount(session, update(TrainingRun).where(*queued).values(started)) == 0:
        return None
    run = session.get_one(TrainingRun, run_id, populate_existing=True)
    run.stage, run.progress, run.error, run.failure = "starting", 0.0, None, None
    snapshot = take_snapshot(session, run.project_id)
    run.snapshot_changes, run.snapshot_images = snapshot.changes, snapshot.images
    run.snapshot_labels = snapshot.labels
    return run


def report_run(session: Session, run_id: int, stage: str, progress: float) -> None:
    """Record how far a run is (0..1), and that it is alive."""
    now = {
        **{"stage": stage, "progress": min(max(progress, 0.0), 1.0), "heartbeat_at": utc_now()},
        "beats": TrainingRun.beats + 1,
    }
    session.execute(update(TrainingRun).where(TrainingRun.id == run_id).values(now))


def release_run(session: Session, run_id: int) -> None:
    """Put a running run back in the queue: an orderly stop. Raises RunGone."""
    run = _running(session, run_id)
    run.state, run.stage, run.progress = RunState.QUEUED, "waiting", 0.0
    run.started_at = run.heartbeat_at = None


def finish_run(
    session: Session, run_id: int, *, version_id: int | None, observations: int, metrics: dict[str, Any]
) -> None:
    """End a run with its version. Raises RunGone, so that nothing of a run taken for lost is kept twice."""
    run = _running(session, run_id)
    run.state, run.stage, run.progress, run.finished_at = RunState.DONE, "done", 1.0, utc_now()
    run.version_id, run.observations, run.metrics = version_id, observations, metrics


def fail_run(session: Session, run_id: int, failure: RunFailure, error: str) -> None:
    """End a run with a failure and the sentence that people read. Raises RunGone."""
    _end(_running(session, run_id), failure, error)


def fail_lost_runs(session: Session, watch: Watch) -> list[int]:
    """End the runs whose worker is silent, queue them again, and return their projects.

    watch: what the caller has seen of them before; the first look finds none.
    A project that lost several in a row waits for new observations instead: something there kills workers.
    """
    running = select(TrainingRun.id, TrainingRun.beats).where(TrainingRun.state == RunState.RUNNING)
    beats = {row.id: row.beats for row in session.execute(running)}
    silent = watch.silent(beats, SILENT_SECONDS)
    if not silent:
        return []
    held = select(TrainingRun).where(TrainingRun.id.in_(silent), TrainingRun.state == RunState.RUNNING)
    current = held.with_for_update().execution_options(populate_existing=True)
    lost = [run for run in session.scalars(current) if run.beats == beats[run.id]]
    for run in lost:
        log.warning("Training run %d is lost: its worker stopped in the middle.", run.id)
        _end(run, RunFailure.LOST, "The worker stopped in the middle of this training.")
        session.flush()
        if failures_in_a_row(session, run.project_id, RunFailure.LOST) < MAX_LOSSES:
            queue_run(session, run.project_id, RunReason.WORKER_LOST, dict(run.recipe))
    return [run.project_id for run in lost]


def unreached_runs(session: Session) -> list[TrainingRun]:
    """The runs to do again once Label Studio answers: each its project's last.

    It ended `RETRY_AFTER` ago, or twice as long for each one before it that ended so.
    """
    last = select(func.max(TrainingRun.id)).group_by(TrainingRun.project_id)
    failed = select(TrainingRun).where(
        TrainingRun.id.in_(last),
        TrainingRun.failure == RunFailure.UNREACHED,
        TrainingRun.finished_at <= utc_now() - RETRY_AFTER,
    )
    return [run for run in session.scalars(failed.order_by(TrainingRun.id)) if _is_due_again(session, run)]


def failures_in_a_row(session: Session, project_id: int, kind: RunFailure | None = None) -> int:
    """How many of a project's newest trainings failed (in one way) in a row; MOST_COUNTED at most."""
    ended = select(TrainingRun.failure).where(
        TrainingRun.project_id == project_id, TrainingRun.state.in_(ENDED)
    )
    newest = list(session.scalars(ended.order_by(TrainingRun.id.desc()).limit(MOST_COUNTED)))
    others = (place for place, failure in enumerate(newest) if failure is None or kind not in (None, failure))
    return next(others, len(newest))


def _is_due_again(session: Session, run: TrainingRun) -> bool:
    before = failures_in_a_row(session, run.project_id, RunFailure.UNREACHED) - 1
    pause = min(RETRY_AFTER * 2**before, LONGEST_PAUSE)
    return run.finished_at is not None and run.finished_at <= utc_now() - pause


def _end(run: TrainingRun, failure: RunFailure, error: str) -> None:
    run.state, run.failure, run.error, run.finished_at = RunState.FAILED, failure, error, utc_now()


def _running(session: Session, run_id: int) -> TrainingRun:
    run = session.get_one(TrainingRun, run_id, populate_existing=True, with_for_update=True)
    if run.state is not RunState.RUNNING:
        raise RunGone(
            "This training was taken for lost and given to another worker.", "Nothing of it was kept."
        )
    return run
