"""From what was observed to a finished version in memory: which recipe, which backbone, which training."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import ModelVersion, ObservedMatrix, Project, Store, TrainingRun
from model_backend.engine.feedback import recent_feedback
from model_backend.engine.pool import PoolFeatures, pool_features
from model_backend.engine.resources import LearningResources
from model_backend.engine.tuning import trainable, tune_pool
from model_backend.errors import LearningError
from model_backend.progress import Progress

if TYPE_CHECKING:
    from model_backend.backbones import Backbone
    from model_backend.training import Fit, Recipe

ASKED_FOR = "asked for"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingInput:
    """What a training learns from: the run's settings, who said what, and the version before."""

    run: TrainingRun
    project: Project
    observed: ObservedMatrix
    previous: ModelVersion | None


@dataclass(frozen=True)
class TrainingOutput:
    """A version in memory: the fit, the backbone's name, the pool it was made of, and what was known of it.

    observed (N, L): rows as in `pool`. metrics: those of the fit, and the seconds each part took.
    """

    fitted: Fit
    backbone: str
    pool: PoolFeatures
    observed: NDArray[np.int8]
    metrics: dict[str, Any]


def learn(
    store: Store, settings: Settings, resources: LearningResources, material: TrainingInput, report: Progress
) -> TrainingOutput:
    """Choose recipe and backbone, get the features, and train: the head alone, or the backbone too.

    Raises OnetagError or LearningError with what to do, and whatever `report` raises.
    """
    from model_backend.training import check_choices

    begun = time.perf_counter()
    recipe = chosen_recipe(settings, material.run.recipe)
    check_choices(recipe)
    asked = material.run.recipe.get("end_to_end", settings.end_to_end)
    backbone = starting_backbone(resources, material.previous, published=asked is False)
    if recipe.end_to_end:
        trainable(backbone)
    report("features", 0.0)
    again = material.run.reason == ASKED_FOR
    pool = pool_features(store, resources, backbone, material.observed.image_ids, report, again=again)
    read_at = time.perf_counter()
    learnt = _fit(store, settings, resources, material, recipe, backbone, pool, report)
    took = {
        "unreadable": len(material.observed.image_ids) - len(learnt.pool.image_ids),
        "features_seconds": round(read_at - begun, 3),
        "fit_seconds": round(time.perf_counter() - read_at, 3),
    }
    return replace(learnt, metrics=learnt.metrics | took)


def _fit(
    store: Store,
    settings: Settings,
    resources: LearningResources,
    material: TrainingInput,
    recipe: Recipe,
    backbone: Backbone,
    pool: PoolFeatures,
    report: Progress,
) -> TrainingOutput:
    from model_backend.training import Pool, fit, fit_tuned

    label_ids = material.observed.label_ids
    values = _rows_of(material.observed, pool.image_ids)
    positives = _expected_positives(material.project, settings, len(label_ids))
    with store.reading() as session:
        feedback = recent_feedback(session, material.project.id, label_ids, backbone.name, recipe)
    told: dict[str, Any] = {"precision": settings.precision, "feedback": feedback, "progress": report}
    if recipe.end_to_end:
        found = tune_pool(store, resources, backbone, pool, values, recipe, positives, report)
        backbone, pool, values = found.backbone, found.pool, _rows_of(material.observed, found.pool.image_ids)
        fitted = fit_tuned(Pool(pool.features, backbone.blocks, values), found.tuned, recipe, **told)
    else:
        previous = _previous(material, resources)
        learned_from = Pool(pool.features, backbone.blocks, values)
        fitted = fit(learned_from, recipe, expected_positives=positives, previous=previous, **told)
    return TrainingOutput(fitted, backbone.name, pool, values, fitted.metrics)


def chosen_recipe(settings: Settings, changes: dict[str, Any]) -> Recipe:
    """The settings' recipe with a run's changes. From end to end it runs on the settings' device.

    Raises LearningError for a change that no recipe has.
    """
    from model_backend.training import Recipe

    given = {"loss": settings.loss, "estimator": settings.estimator, "end_to_end": settings.end_to_end}
    wanted = {name: value for name, value in (given | changes).items() if value is not None}
    if wanted.get("end_to_end"):
        wanted.setdefault("device", settings.device)
    return Recipe.from_dict({"seed": settings.seed} | wanted)


def starting_backbone(
    resources: LearningResources, previous: ModelVersion | None, *, published: bool
) -> Backbone:
    """The backbone that the last version was left with, tuned or not; the settings' one when that is another,
    or its published weights are asked for.
    """
    from model_backend.backbones.tuned import network_of

    if previous is None or published or network_of(previous.backbone) != resources.backbones.network:
        return resources.backbone
    try:
        return resources.backbones.of(previous)
    except LearningError as error:
        log.warning("The training starts from the published weights: %s", error)
        return resources.backbone


def _expected_positives(project: Project, settings: Settings, labels: int) -> float | None:
    given = project.expected_positives or settings.expected_positives
    return None if given is None else min(given, float(labels))


def _rows_of(observed: ObservedMatrix, image_ids: list[int]) -> NDArray[np.int8]:
    if not image_ids:
        raise OnetagError(
            "None of the project's images can be read.", "`onetag doctor` says what is wrong with them."
        )
    if len(image_ids) == len(observed.image_ids):
        return observed.values
    return observed.values[np.searchsorted(np.array(observed.image_ids), np.array(image_ids))]


def _previous(material: TrainingInput, resources: LearningResources) -> Any:
    """The version before, for its feature map; where it cannot serve, that costs time and nothing else."""
    if material.previous is None:
        return None
    try:
        return resources.model(material.previous)
    except LearningError as error:
        log.warning("Version %s cannot be built upon: %s", material.previous.name, error)
        return None
