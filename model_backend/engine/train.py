"""One training: observed matrix and features in, a version with its suggestions out, and published."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import (
    ModelVersion,
    ObservedMatrix,
    Project,
    Store,
    Suggested,
    TrainingRun,
    observed_matrix,
    queue_run,
    store_suggestions,
    store_vectors,
)
from model_backend.engine.answers import calibration_of, recent_answers
from model_backend.engine.connect import open_studio, open_workbench
from model_backend.engine.pool import PoolFeatures, pool_features
from model_backend.engine.publish import Queue, publish
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
from model_backend.engine.workbench import Workbench
from model_backend.errors import LearningError

if TYPE_CHECKING:
    from model_backend.training import Fit, Recipe

Progress = Callable[[str, float], None]
ASKED_FOR = "asked for"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Material:
    """What a training learns from: the run's settings, who said what, and the version before."""

    run: TrainingRun
    project: Project
    observed: ObservedMatrix
    previous: ModelVersion | None


def train_project(
    store: Store,
    settings: Settings,
    project_id: int,
    *,
    workbench: Workbench | None = None,
    studio: Queue | None = None,
    publishing: bool = True,
    run_id: int | None = None,
    recipe: dict[str, Any] | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> ModelVersion:
    """Train on all that is observed, keep the version, make it the active one, and publish it.

    workbench, studio: by the settings, unless given. publishing: whether Label Studio gets the suggestions.
    run_id: a queued run to work on; None queues one. recipe: fields that differ from the settings' recipe.
    progress: called with a stage and how much of it is done. stop: when set, the run goes back to the queue.
    The run says what became of it in any case. A version that cannot be published stays active; the worker's
    periodic check publishes it later. Raises OnetagError or LearningError with what to do; Stopped.
    """
    if publishing and studio is None:
        studio = open_studio(settings)
    workbench = workbench or open_workbench(settings)
    run_id = _start(store, project_id, run_id, recipe)
    with Heartbeat(store, run_id, stop) as beat:

        def report(stage: str, done: float) -> None:
            beat.report(stage, done)
            if progress is not None:
                progress(stage, done)

        try:
            version = _learn(store, settings, project_id, run_id, workbench, report)
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
            raise OnetagError(f"There is no project {project_id}. `onetag status` lists them.")
        if run_id is None:
            queued = queue_run(session, project_id, ASKED_FOR, recipe)
            if queued is None:
                raise OnetagError(
                    "A training of this project waits or runs already. `onetag status` shows it."
                )
            run_id = queued.id
        if claim(session, run_id) is None:
            raise OnetagError("Another worker has taken this training. `onetag status` shows it.")
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
    workbench: Workbench,
    report: Progress,
) -> ModelVersion:
    from model_backend.training import Pool, check_choices, fit

    clock = time.perf_counter()
    with store.reading() as session:
        material = _material(session, project_id, run_id)
    observed = material.observed
    recipe = _recipe(settings, material.run.recipe)
    check_choices(recipe)
    report("features", 0.0)
    again = material.run.reason == ASKED_FOR
    pool = pool_features(store, workbench, observed.image_ids, report, again=again)
    values = _rows_of(observed, pool.image_ids)
    with store.reading() as session:
        answers = recent_answers(session, project_id, observed.label_ids, workbench.backbone.name, recipe)
    read_at = time.perf_counter()
    fitted = fit(
        Pool(pool.features, workbench.backbone.blocks, values),
        recipe,
        expected_positives=_expected_positives(material.project, settings, len(observed.label_ids)),
        previous=_previous(material, workbench),
        precision=settings.precision,
        answers=answers,
        progress=report,
    )
    fitted_at = time.perf_counter()
    report("suggestions", 0.0)
    rows = _suggestions(fitted, values, pool, observed.label_names, settings, workbench)
    metrics = {
        **fitted.metrics,
        **calibration_of(fitted.model),
        "conflicts": observed.conflicts,
        "unreadable": len(observed.image_ids) - len(pool.image_ids),
        "features_seconds": round(read_at - clock, 3),
        "fit_seconds": round(fitted_at - read_at, 3),
        "suggest_seconds": round(time.perf_counter() - fitted_at, 3),
    }
    report("saving", 0.0)
    return _keep(store, settings, material, fitted, pool.image_ids, rows, metrics, workbench)


def _material(session: Session, project_id: int, run_id: int) -> Material:
    observed = observed_matrix(session, project_id)
    if not observed.label_ids:
        raise OnetagError("The project has no labels. Add labels to its label config in Label Studio.")
    if not observed.image_ids:
        raise OnetagError("The project has no images. Import some into Label Studio.")
    return Material(
        run=session.get_one(TrainingRun, run_id),
        project=session.get_one(Project, project_id),
        observed=observed,
        previous=active_version(session, project_id),
    )


def _expected_positives(project: Project, settings: Settings, labels: int) -> float | None:
    given = project.expected_positives or settings.expected_positives
    return None if given is None else min(given, float(labels))


def _rows_of(observed: ObservedMatrix, image_ids: list[int]) -> NDArray[np.int8]:
    if not image_ids:
        raise OnetagError(
            "None of the project's images can be read. `onetag doctor` says what is wrong with them."
        )
    if len(image_ids) == len(observed.image_ids):
        return observed.values
    return observed.values[np.searchsorted(np.array(observed.image_ids), np.array(image_ids))]


def _recipe(settings: Settings, changes: dict[str, Any]) -> Recipe:
    from model_backend.training import DEFAULT_RECIPE, Recipe

    chosen = {"loss": settings.loss, "estimator": settings.estimator}
    values = asdict(DEFAULT_RECIPE) | {name: value for name, value in chosen.items() if value is not None}
    return Recipe.from_dict(values | {"seed": settings.seed} | changes)


def _previous(material: Material, workbench: Workbench) -> Any:
    """The version before, for its feature map; where it cannot serve, that costs time and nothing else."""
    if material.previous is None:
        return None
    try:
        return workbench.model(material.previous)
    except LearningError as error:
        log.warning("Version %s cannot be built upon: %s", material.previous.name, error)
        return None


def _suggestions(
    fitted: Fit,
    observed: NDArray[np.int8],
    pool: PoolFeatures,
    names: list[str],
    settings: Settings,
    workbench: Workbench,
) -> list[Suggested]:
    from model_backend.acquisition import priority

    labels = suggested_labels(fitted.probabilities, fitted.model.thresholds, observed, names)
    scores = queue_scores(
        priority(settings.acquisition, fitted.probabilities, pool.features, seed=settings.seed)
    )
    groups = workbench.clusters(pool.features)
    return [
        Suggested(image_id, suggested, float(score), int(group))
        for image_id, suggested, score, group in zip(pool.image_ids, labels, scores, groups, strict=True)
    ]


def _keep(
    store: Store,
    settings: Settings,
    material: Material,
    fitted: Fit,
    image_ids: list[int],
    suggestions: list[Suggested],
    metrics: dict[str, Any],
    workbench: Workbench,
) -> ModelVersion:
    """The folder first, then all records in one transaction: a version that is known is complete."""
    project_id, observed = material.project.id, material.observed
    with store.reading() as session:
        name = next_name(session, project_id)
    folder = save_version(settings.data_dir, project_id, name, fitted.model)
    version = ModelVersion(
        project_id=project_id,
        name=name,
        labels=observed.label_names,
        label_ids=observed.label_ids,
        folder=folder,
        backbone=workbench.backbone.name,
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
        store_vectors(session, version.id, image_ids, fitted.probabilities)
        store_suggestions(session, version.id, suggestions)
        session.get_one(Project, project_id).active_version_id = version.id
    workbench.keep(version.id, fitted.model)
    return version


def _publish(store: Store, settings: Settings, project_id: int, studio: Queue) -> None:
    try:
        publish(store, settings, project_id, studio)
    except OnetagError as error:
        log.warning("The new version waits to be published: %s", error)
