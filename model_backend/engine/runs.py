"""A training run while it is worked on: its heartbeat, its stop, and how its errors are recorded."""

from __future__ import annotations

import logging
import threading
from contextvars import copy_context
from types import TracebackType
from typing import Self

import torch
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioError
from annotator.store import RunFailure, Store, fail_run, report_run
from model_backend.errors import LearningError

HEARTBEAT_SECONDS = 3.0
MORE_MEMORY = "Stop what else runs here, or train where there is more; --device cpu does without the GPU's."

log = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The worker was asked to stop: the run goes back to the queue."""


def fail(session: Session, run_id: int, error: BaseException) -> None:
    """End a run with the kind of its failure and a sentence that people read. Raises RunGone."""
    unreached = isinstance(error, LabelStudioError)
    fail_run(session, run_id, RunFailure.UNREACHED if unreached else RunFailure.ERROR, readable(error))


def readable(error: BaseException) -> str:
    """What `training_runs.error` says: our own messages whole; others may quote secrets: their kind."""
    if isinstance(error, OnetagError | LearningError):
        return str(error)
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return f"There is too little memory for this training. {MORE_MEMORY}"
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
        context = copy_context()  # so that its lines in the log say what ours do
        self._thread = threading.Thread(
            target=context.run, args=(self._beat,), name=f"heartbeat-{run_id}", daemon=True
        )

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
