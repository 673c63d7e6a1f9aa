"""The life of a training run, as the worker sees it: claimed, heard from, ended, or lost and found."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioError
from annotator.store import (
    Store,
    TrainingRun,
    claim_run,
    fail_lost_runs,
    finish_run,
    queue_run,
    report_run,
)
from model_backend.engine.footprint import footprint
from model_backend.errors import LearningError

HEARTBEAT_SECONDS = 3.0
STALE_AFTER = timedelta(seconds=20)
MAX_LOSSES = 3  # a training that kills its worker every time must not do so for ever
LOST = "the worker stopped in the middle"
FOOTPRINT = "footprint"
UNREACHED = "label studio unreached"  # kept with a run that failed through no fault of the project
RETRY_AFTER = timedelta(minutes=1)

log = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818
    """The worker was asked to stop: the run goes back to the queue."""


class RunGone(OnetagError):  # noqa: N818
    """The run is no longer ours: it was taken for lost, or ended from outside."""


def next_queued(session: Session) -> TrainingRun | None:
    """The run that has waited longest."""
    wanted = select(TrainingRun).where(TrainingRun.state == "queued").order_by(TrainingRun.queued_at)
    return session.scalars(wanted.limit(1)).first()


def claim(session: Session, run_id: int) -> TrainingRun | None:
    """Take a queued run; None when someone else has it. Its footprint is taken before the matrix is read."""
    run = claim_run(session, run_id)
    if run is not None:
        run.stage, run.progress, run.error = "starting", 0.0, None
        run.metrics = {FOOTPRINT: footprint(session, run.project_id).to_json()}
    return run


def release(session: Session, run_id: int) -> None:
    """Put a running run back in the queue: an orderly stop."""
    run = _ours(session, run_id)
    run.state, run.stage, run.progress = "queued", "waiting", 0.0
    run.started_at = run.heartbeat_at = None


def fail(session: Session, run_id: int, error: BaseException) -> None:
    """End a run with a reason that people read. Raises RunGone."""
    run = _ours(session, run_id)
    if isinstance(error, LabelStudioError):
        run.metrics = run.metrics | {UNREACHED: True}
        session.flush()
    finish_run(session, run_id, error=readable(error))


def unreached(session: Session) -> list[TrainingRun]:
    """The runs to do again once Label Studio answers: each its project's last, ended for `RETRY_AFTER`."""
    last = select(func.max(TrainingRun.id)).group_by(TrainingRun.project_id)
    failed = select(TrainingRun).where(
        TrainingRun.id.in_(last),
        TrainingRun.state == "failed",
        TrainingRun.finished_at <= datetime.now(UTC) - RETRY_AFTER,
    )
    return [run for run in session.scalars(failed.order_by(TrainingRun.id)) if UNREACHED in run.metrics]


def retry(session: Session, run: TrainingRun) -> None:
    """Queue a failed run again with its recipe, unless its project has an open run already."""
    queue_run(session, run.project_id, "again: Label Studio answers", dict(run.recipe))


def finish(
    session: Session, run_id: int, *, version_id: int, observations: int, metrics: dict[str, Any]
) -> None:
    """End a run with its version. Raises RunGone, so that nothing of a run taken for lost is kept twice."""
    run = _ours(session, run_id)
    run.observations, run.stage = observations, "done"
    session.flush()
    finish_run(session, run_id, version_id=version_id, metrics=run.metrics | metrics)


def _ours(session: Session, run_id: int) -> TrainingRun:
    run = session.get_one(TrainingRun, run_id, populate_existing=True, with_for_update=True)
    if run.state != "running":
        raise RunGone(
            "This training was taken for lost and given to another worker.", "Nothing of it was kept."
        )
    return run


def fail_lost(session: Session) -> list[int]:
    """End the runs whose worker is silent, queue them again, and return their projects.

    A project that lost several in a row waits for new observations instead: something there kills workers.
    """
    lost = fail_lost_runs(session, STALE_AFTER)
    for run in lost:
        log.warning("Training run %d is lost: %s.", run.id, LOST)
        run.stage = LOST
        session.flush()
        if _losses_in_a_row(session, run.project_id) < MAX_LOSSES:
            queue_run(session, run.project_id, f"again: {LOST}", dict(run.recipe))
    return [run.project_id for run in lost]


def _losses_in_a_row(session: Session, project_id: int) -> int:
    ended = select(TrainingRun.stage).where(
        TrainingRun.project_id == project_id, TrainingRun.state.in_(("done", "failed"))
    )
    newest = list(session.scalars(ended.order_by(TrainingRun.id.desc()).limit(MAX_LOSSES)))
    return next((count for count, stage in enumerate(newest) if stage != LOST), len(newest))


def last_footprint(session: Session, project_id: int) -> dict[str, Any] | None:
    """The footprint of the last run that ended, whichever way; None before the first."""
    ended = select(TrainingRun.metrics).where(
        TrainingRun.project_id == project_id, TrainingRun.state.in_(("done", "failed"))
    )
    metrics = session.scalars(ended.order_by(TrainingRun.id.desc()).limit(1)).first()
    return (metrics or {}).get(FOOTPRINT)


def readable(error: BaseException) -> str:
    """What `training_runs.error` says: our own messages whole; others may quote secrets: their kind."""
    if isinstance(error, OnetagError | LearningError):
        return str(error)
    return f"Unexpected {type(error).__name__}; the worker's log has the details."


class Heartbeat:
    """Keeps a run alive and its progress visible while the training is busy; a context manager.

    Report a stage and how much of it is done (0..1). That raises Stopped when the worker is stopping.
    """

    def __init__(self, store: Store, run_id: int, stop: threading.Event | None = None) -> None:
        self._store = store
        self._run_id = run_id
        self._stop = stop or threading.Event()
        self._over = threading.Event()
        self._latest = ("starting", 0.0)
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{run_id}", daemon=True)

    def report(self, stage: str, done: float) -> None:
        """Say how far the run is; written with the next beat."""
        self._latest = (stage, done)
        if self._stop.is_set():
            raise Stopped

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._over.wait(HEARTBEAT_SECONDS):
            try:
                with self._store.session() as session:
                    report_run(session, self._run_id, *self._latest)
            except (OnetagError, SQLAlchemyError) as error:  # a busy database: the next beat will do
                log.warning(
                    "The heartbeat of training run %d failed (%s).", self._run_id, type(error).__name__
                )
