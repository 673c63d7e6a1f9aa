"""One training: observed matrix and features in, a version with its suggestions out, and published."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import numpy as np
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import (
    ModelVersion,
    Project,
    Store,
    Suggested,
    TrainingRun,
    observed_matrix,
    queue_run,
    store_suggestions,
    store_vectors,
)
from model_backend.engine.connect import open_resources, open_studio
from model_backend.engine.feedback import calibration_of
from model_backend.engine.fitting import ASKED_FOR, TrainingInput, TrainingOutput, learn
from model_backend.engine.publish import Queue, publish
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import (
    Heartbeat,
    RunGone,
    Stopped,
    claim,
    fail,
    finish,
    release,
)
from model_backend.engine.suggest import queue_scores, suggested_labels
from model_backend.engine.versions import active_version, next_name, save_version
from model_backend.progress import Progress

log = logging.getLogger(__name__)


def train_project(
    store: Store,
    settings: Settings,
    project_id: int,
    *,
    resources: LearningResources | None = None,
    studio: Queue | None = None,
    publishing: bool = True,
    run_id: int | None = None,
    recipe: dict[str, Any] | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> ModelVersion:
    """Train on all that is observed, keep the version, make it the active one, and publish it.

    resources, studio: by the settings, unless given. publishing: whether Label Studio gets the suggestions.
    run_id: a queued run to work on; None queues one. recipe: fields that differ from the settings' recipe.
    progress: called with a stage and how much of it is done. stop: when set, the run goes back to the queue.
    The run says what became of it in any case. A version that cannot be published stays active; the worker's
    periodic check publishes it later. Raises OnetagError or LearningError with what to do; Stopped.
    """
    if publishing and studio is None:
        studio = open_studio(settings)
    resources = resources or open_resources(settings)
    run_id = _start(store, project_id, run_id, recipe)
    with Heartbeat(store, run_id, stop) as beat:

        def report(stage: str, done: float) -> None:
            beat.report(stage, done)
            if progress is not None:
                progress(stage, done)

        try:
            version = _learn(store, settings, project_id, run_id, resources, report)
        except RunGone:
            raise
        except Stopped:
            with store.session() as session:
                release(session, run_id)
            raise
        except Exception as error:
            _fail(store, run_id, error)
            raise
    if publishing and studio is not None:
        _publish(store, settings, project_id, studio)
    return version


def _start(store: Store, project_id: int, run_id: int | None, recipe: dict[str, Any] | None) -> int:
    with store.session() as session:
        if session.get(Project, project_id) is None:
            raise OnetagError(f"There is no project {project_id}.", "`onetag status` lists them.")
        if run_id is None:
            queued = queue_run(session, project_id, ASKED_FOR, recipe)
            if queued is None:
                raise OnetagError(
                    "A training of this project waits or runs already.", "`onetag status` shows it."
                )
            run_id = queued.id
        if claim(session, run_id) is None:
            raise OnetagError("Another worker has taken this training.", "`onetag status` shows it.")
        return run_id


def _fail(store: Store, run_id: int, error: Exception) -> None:
    try:
        with store.session() as session:
            fail(session, run_id, error)
    except (OnetagError, SQLAlchemyError) as second:  # found by the periodic check, as a lost run
        log.warning("Training run %d failed and cannot be marked so (%s).", run_id, type(second).__name__)


def _learn(
    store: Store,
    settings: Settings,
    project_id: int,
    run_id: int,
    resources: LearningResources,
    report: Progress,
) -> ModelVersion:
    with store.reading() as session:
        material = _material(session, project_id, run_id)
    learnt = learn(store, settings, resources, material, report)
    report("suggestions", 0.0)
    fitted_at = time.perf_counter()
    rows = _suggestions(learnt, material.observed.label_names, settings, resources)
    metrics = {
        **learnt.metrics,
        **calibration_of(learnt.fitted.model),
        "conflicts": material.observed.conflicts,
        "suggest_seconds": round(time.perf_counter() - fitted_at, 3),
    }
    report("saving", 0.0)
    return _keep(store, settings, material, learnt, rows, metrics, resources)


def _material(session: Session, project_id: int, run_id: int) -> TrainingInput:
    observed = observed_matrix(session, project_id)
    if not observed.label_ids:
        raise OnetagError("The project has no labels.", "Add labels to its label config in Label Studio.")
    if not observed.image_ids:
        raise OnetagError("The project has no images.", "Import some into Label Studio.")
    return TrainingInput(
        run=session.get_one(TrainingRun, run_id),
        project=session.get_one(Project, project_id),
        observed=observed,
        previous=active_version(session, project_id),
    )


def _suggestions(
    learnt: TrainingOutput, names: list[str], settings: Settings, resources: LearningResources
) -> list[Suggested]:
    from model_backend.acquisition import priority

    probabilities, pool = learnt.fitted.probabilities, learnt.pool
    labels = suggested_labels(probabilities, learnt.fitted.model.thresholds, learnt.observed, names)
    scores = queue_scores(priority(settings.acquisition, probabilities, pool.features, seed=settings.seed))
    groups = resources.clusters(pool.features)
    return [
        Suggested(image_id, suggested, float(score), int(group))
        for image_id, suggested, score, group in zip(pool.image_ids, labels, scores, groups, strict=True)
    ]


def _keep(
    store: Store,
    settings: Settings,
    material: TrainingInput,
    learnt: TrainingOutput,
    suggestions: list[Suggested],
    metrics: dict[str, Any],
    resources: LearningResources,
) -> ModelVersion:
    """The folder first, then all records in one transaction: a version that is known is complete."""
    project_id, observed, fitted = material.project.id, material.observed, learnt.fitted
    with store.reading() as session:
        name = next_name(session, project_id)
    folder = save_version(settings.data_dir, project_id, name, fitted.model)
    version = ModelVersion(
        project_id=project_id,
        name=name,
        labels=observed.label_names,
        label_ids=observed.label_ids,
        folder=folder,
        backbone=learnt.backbone,
        recipe=fitted.model.recipe.to_dict(),
        thresholds=[float(value) for value in fitted.model.thresholds],
        metrics=metrics,
    )
    with store.session() as session:
        session.add(version)
        session.flush()
        finish(
            session,
            material.run.id,
            version_id=version.id,
            observations=int(np.count_nonzero(observed.values)),
            metrics=metrics,
        )
        store_vectors(session, version.id, learnt.pool.image_ids, fitted.probabilities)
        store_suggestions(session, version.id, suggestions)
        session.get_one(Project, project_id).active_version_id = version.id
    resources.keep(version.id, fitted.model)
    return version


def _publish(store: Store, settings: Settings, project_id: int, studio: Queue) -> None:
    try:
        publish(store, settings, project_id, studio)
    except OnetagError as error:
        log.warning("The new version waits to be published: %s", error)
