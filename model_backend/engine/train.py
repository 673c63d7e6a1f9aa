"""One training run, from the queue to a stored version. Whoever asked for it publishes the version."""

from __future__ import annotations

import logging
import threading
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from annotator.errors import OnetagError
from annotator.store import (
    ModelVersion,
    Project,
    RunGone,
    RunReason,
    Store,
    claim_run,
    queue_run,
    release_run,
)
from model_backend.engine.fitting import fit_version, read_training_input
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import Heartbeat, Stopped, fail
from model_backend.engine.storing import store_version
from model_backend.progress import Progress, silent

log = logging.getLogger(__name__)


def train_project(
    store: Store,
    resources: LearningResources,
    project_id: int,
    *,
    recipe: dict[str, Any] | None = None,
    progress: Progress = silent,
) -> ModelVersion:
    """Queue a training of a project and run it here; returns the new active version, not yet published.

    recipe: fields that differ from the settings' recipe. The rest: see `train_run`. Raises OnetagError when
    there is no such project, or when one of its trainings waits or runs already.
    """
    return train_run(store, resources, _queue(store, project_id, recipe), progress=progress)


def train_run(
    store: Store,
    resources: LearningResources,
    run_id: int,
    *,
    progress: Progress = silent,
    stop: threading.Event | None = None,
) -> ModelVersion:
    """Work on a queued run: learn from all that is observed, store the version, make it the active one.

    progress: called with a stage and how much of it is done, 0..1. stop: when set, the run goes back to the
    queue. The run records how it ended in any case. Raises OnetagError or LearningError with what to do, and
    Stopped.
    """
    _claim(store, run_id)
    with Heartbeat(store, run_id, stop) as heartbeat:

        def report(stage: str, done: float) -> None:
            heartbeat.report(stage, done)
            progress(stage, done)

        try:
            training_input = read_training_input(store, run_id, resources.settings.acceptance_limit)
            output = fit_version(store, resources, training_input, report)
            return store_version(store, resources, training_input, output, report)
        except RunGone:
            raise
        except Stopped:
            with store.session() as session:
                release_run(session, run_id)
            raise
        except Exception as error:
            _fail(store, run_id, error)
            raise


def _queue(store: Store, project_id: int, recipe: dict[str, Any] | None) -> int:
    with store.session() as session:
        if session.get(Project, project_id) is None:
            raise OnetagError(f"There is no project {project_id}.", "`onetag status` lists them.")
        run = queue_run(session, project_id, RunReason.ASKED_FOR, recipe)
        if run is None:
            raise OnetagError(
                "A training of this project waits or runs already.", "`onetag status` shows how far it is."
            )
        return run.id


def _claim(store: Store, run_id: int) -> None:
    with store.session() as session:
        if claim_run(session, run_id) is None:
            raise OnetagError(
                "Another worker has taken this training.", "`onetag status` shows how far it is."
            )


def _fail(store: Store, run_id: int, error: Exception) -> None:
    try:
        with store.session() as session:
            fail(session, run_id, error)
    except (OnetagError, SQLAlchemyError) as second:  # found by the periodic check, as a lost run
        log.warning("Training run %d failed and cannot be marked so (%s).", run_id, type(second).__name__)
