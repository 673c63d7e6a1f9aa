"""From a version in memory to a stored one: its suggestions, its folder, its records."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from annotator.store import (
    ModelVersion,
    Project,
    RunReason,
    Store,
    finish_run,
    store_suggestions,
    store_vectors,
)
from annotator.store.versions import next_name
from model_backend.engine.fitting import TrainingInput, TrainingOutput
from model_backend.engine.questions import asked_of_pool
from model_backend.engine.resources import LearningResources
from model_backend.engine.versions import save_version
from model_backend.progress import Progress

log = logging.getLogger(__name__)


def store_version(
    store: Store,
    resources: LearningResources,
    training_input: TrainingInput,
    output: TrainingOutput,
    report: Progress,
) -> ModelVersion:
    """Store a version with its vectors and suggestions, end its run, and make it the project's active one,
    unless another is pinned.

    The folder is written first, then all records in one transaction: a version that is known is complete.
    Raises OnetagError when the disk is full, RunGone when the run was taken for lost meanwhile.
    """
    report("suggestions", 0.0)
    started = time.perf_counter()
    names = training_input.observed.label_names
    with store.reading() as session:
        suggestions = asked_of_pool(session, resources, training_input.project, names, output)
    metrics = _metrics(training_input, output) | {
        "suggest_seconds": round(time.perf_counter() - started, 3),
    }
    report("saving", 0.0)
    version = _saved(store, resources, training_input, output)
    version.metrics = metrics
    with store.session() as session:
        session.add(version)
        session.flush()
        finish_run(
            session,
            training_input.run.id,
            version_id=version.id,
            observations=int(np.count_nonzero(training_input.observed.values)),
            metrics=metrics,
        )
        store_vectors(session, version.id, output.pool.image_ids, output.fit.probabilities)
        store_suggestions(session, version.id, suggestions)
        _take_into_use(session, training_input, version)
    resources.keep(version.id, output.fit.model)
    return version


def _take_into_use(session: Session, training_input: TrainingInput, version: ModelVersion) -> None:
    """Let suggestions come from a new version, unless another is pinned that is whole."""
    project = session.get_one(Project, version.project_id, populate_existing=True, with_for_update=True)
    damaged = training_input.run.reason is RunReason.VERSION_DAMAGED
    if project.version_pinned and project.active_version_id is not None and not damaged:
        log.info("Version %s is kept for later: another one is pinned.", version.name)
        return
    project.active_version_id, project.version_pinned = version.id, False


def _metrics(training_input: TrainingInput, output: TrainingOutput) -> dict[str, Any]:
    """What the version's record tells of its training, JSON-able."""
    waiting = output.pool.waiting
    return {
        **output.fit.metrics,
        **output.seconds,
        "unreadable": len(training_input.observed.image_ids) - len(output.pool.image_ids) - waiting,
        "waiting": waiting,
        "from_version": training_input.previous.name if training_input.previous else None,
        "conflicts": training_input.observed.conflicts,
    }


def _saved(
    store: Store, resources: LearningResources, training_input: TrainingInput, output: TrainingOutput
) -> ModelVersion:
    """The version's folder, and its record, which is not in the store yet."""
    project_id, model = training_input.project.id, output.fit.model
    with store.reading() as session:
        name = next_name(session, project_id)
    return ModelVersion(
        project_id=project_id,
        name=name,
        labels=training_input.observed.label_names,
        label_ids=training_input.observed.label_ids,
        folder=save_version(resources.settings.data_dir, project_id, name, model),
        backbone=output.backbone,
        recipe=model.recipe.to_dict(),
        thresholds=[float(value) for value in model.thresholds],
        learned_thresholds=output.learned,
        calibration_scale=model.scale.tolist(),
        calibration_offset=model.offset.tolist(),
    )
