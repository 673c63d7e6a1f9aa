"""From what was observed to a version in memory: which recipe, which backbone, which training."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import (
    ModelVersion,
    ObservedMatrix,
    Project,
    RunReason,
    Store,
    TrainingRun,
    observed_matrix,
)
from annotator.store.acceptance import LIMIT, lazy_annotators
from annotator.store.drawn import drawn
from annotator.store.thresholds import held_thresholds
from annotator.store.versions import active_version
from model_backend.backbones import Backbone
from model_backend.backbones.tuned import is_tuned
from model_backend.engine.feedback import recent_feedback
from model_backend.engine.pool import FirstImages, PoolFeatures, pool_features
from model_backend.engine.resources import LearningResources
from model_backend.engine.thresholds import with_held
from model_backend.engine.tuning import TuningInput, trainable, tune_pool
from model_backend.errors import LearningError
from model_backend.progress import Progress
from model_backend.training import (
    Feedback,
    Fit,
    LabelModel,
    Pool,
    Recipe,
    check_choices,
    fit,
    fit_tuned,
    propensity_from_reviews,
)
from model_backend.training.propensity import LEAST_REVIEWS

FIRST_IMAGES = 1000  # half a minute on two cores

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingInput:
    """What a training learns from: the run, its project, what was observed, and the version before.

    doubted: annotators who confirm suggestions of what is not there; their confirmations are not observed.
    held: the thresholds that people set, by label.
    """

    run: TrainingRun
    project: Project
    observed: ObservedMatrix
    previous: ModelVersion | None
    doubted: frozenset[str] = frozenset()
    held: Mapping[int, float] = field(default_factory=dict)

    def rows(self, image_ids: list[int]) -> NDArray[np.int8]:
        """The observed matrix (n, L) of some of its images, in their order.

        Raises OnetagError when there is none.
        """
        if not image_ids:
            raise OnetagError(
                "None of the project's images can be read.", "`onetag doctor` says what is wrong with them."
            )
        if len(image_ids) == len(self.observed.image_ids):
            return self.observed.values
        return self.observed.values[self._places(image_ids)]

    def covered(self, image_ids: list[int]) -> NDArray[np.bool_] | None:
        """What complete reviews tell of some of its images, see `ObservedMatrix`."""
        return None if self.observed.covered is None else self.observed.covered[self._places(image_ids)]

    def asked(self, image_ids: list[int]) -> NDArray[np.bool_] | None:
        """What was asked by name of some of its images, see `ObservedMatrix`."""
        return None if self.observed.asked is None else self.observed.asked[self._places(image_ids)]

    def _places(self, image_ids: list[int]) -> NDArray[np.intp]:
        return np.searchsorted(np.array(self.observed.image_ids), np.array(image_ids))

    def expected_positives(self, settings: Settings) -> float | None:
        """k as the user gave it, at most the number of labels; None where nobody did."""
        given = self.project.expected_positives or settings.expected_positives
        return None if given is None else min(given, float(len(self.observed.label_ids)))


@dataclass(frozen=True)
class TrainingOutput:
    """A version in memory.

    fit: model, label vectors and metrics. backbone: the name of the one it was left with. pool: its features.
    observed (N, L): rows as in `pool`. seconds: what each step took. learned: the thresholds that it chose,
    where people's hold instead of some.
    """

    fit: Fit
    backbone: str
    pool: PoolFeatures
    observed: NDArray[np.int8]
    seconds: dict[str, float]
    learned: list[float] | None = None


def read_training_input(store: Store, run_id: int, acceptance_limit: float = LIMIT) -> TrainingInput:
    """Everything a run learns from, in one snapshot. Raises OnetagError without labels or images."""
    with store.reading() as session:
        run = session.get_one(TrainingRun, run_id)
        doubted = lazy_annotators(session, run.project_id, acceptance_limit)
        observed = observed_matrix(session, run.project_id, doubted=doubted)
        if not observed.label_ids:
            raise OnetagError("The project has no labels.", "Add labels to its label config in Label Studio.")
        if not observed.image_ids:
            raise OnetagError("The project has no images.", "Import some into Label Studio.")
        return TrainingInput(
            run=run,
            project=session.get_one(Project, run.project_id),
            observed=observed,
            previous=active_version(session, run.project_id),
            doubted=doubted,
            held={label: each.value for label, each in held_thresholds(session, run.project_id).items()},
        )


def fit_version(
    store: Store, resources: LearningResources, training_input: TrainingInput, report: Progress
) -> TrainingOutput:
    """Choose recipe and backbone, get the features, and train: the head alone, or the backbone too.

    Raises OnetagError or LearningError with what to do, and whatever `report` raises.
    """
    started = time.perf_counter()
    run = training_input.run
    recipe = chosen_recipe(resources.settings, run.recipe)
    check_choices(recipe)
    published = run.recipe.get("end_to_end", resources.settings.end_to_end) is False
    backbone = starting_backbone(resources, training_input.previous, published=published)
    if recipe.end_to_end:
        trainable(backbone)
    report("features", 0.0)
    again = run.reason is RunReason.ASKED_FOR
    pool = pool_features(
        store,
        resources,
        backbone,
        training_input.observed.image_ids,
        report,
        again=again,
        first=first_images(training_input, recipe),
    )
    features_at = time.perf_counter()
    fitter = _Fitter(store, resources, training_input, recipe, report)
    if recipe.end_to_end:
        fitted, backbone, pool = fitter.end_to_end(backbone, pool)
    else:
        fitted = fitter.head(backbone, pool)
    seconds = {
        "features_seconds": round(features_at - started, 3),
        "fit_seconds": round(time.perf_counter() - features_at, 3),
    }
    fitted, learned = with_held(fitted, training_input.observed.label_ids, training_input.held)
    rows = training_input.rows(pool.image_ids)
    return TrainingOutput(fitted, backbone.name, pool, rows, seconds, learned)


@dataclass(frozen=True)
class _Fitter:
    """The two ways of training, with what both need."""

    store: Store
    resources: LearningResources
    training_input: TrainingInput
    recipe: Recipe
    report: Progress

    def head(self, backbone: Backbone, pool: PoolFeatures) -> Fit:
        """A head on the features of a frozen backbone."""
        known = self._known(backbone, pool, by_name=True)
        return fit(
            known,
            self.recipe,
            expected_positives=self.training_input.expected_positives(self.resources.settings),
            previous=_previous_model(self.training_input, self.resources),
            precision=self.resources.settings.precision,
            propensity=tagging_propensity(self.resources.settings, known),
            feedback=self._feedback(backbone),
            progress=self.report,
        )

    def end_to_end(self, backbone: Backbone, pool: PoolFeatures) -> tuple[Fit, Backbone, PoolFeatures]:
        """Backbone and head from pixels: the fit, the tuned backbone, and what that makes of the images."""
        known = self._known(backbone, pool)
        tuning_input = TuningInput(
            backbone,
            pool,
            known,
            self.recipe,
            self.training_input.expected_positives(self.resources.settings),
            tagging_propensity(self.resources.settings, known),
        )
        feedback = self._feedback(backbone)
        output = tune_pool(self.store, self.resources, tuning_input, self.report)
        fitted = fit_tuned(
            self._known(output.backbone, output.pool),
            output.tuned,
            self.recipe,
            precision=self.resources.settings.precision,
            feedback=feedback,
            progress=self.report,
        )
        return fitted, output.backbone, output.pool

    def _known(self, backbone: Backbone, pool: PoolFeatures, *, by_name: bool = False) -> Pool:
        """What was observed of these images, and by_name what the backbone expects by the labels' names."""
        given, ids = self.training_input, pool.image_ids
        return Pool(
            pool.features,
            backbone.blocks,
            given.rows(ids),
            backbone.expected(pool.features, given.observed.label_names) if by_name else None,
            given.covered(ids),
            given.asked(ids),
            drawn(given.project.id, ids, self.resources.settings.complete_share),
        )

    def _feedback(self, backbone: Backbone) -> Feedback:
        """What was answered to suggestions of earlier versions of this backbone and recipe."""
        project_id, label_ids = self.training_input.project.id, self.training_input.observed.label_ids
        with self.store.reading() as session:
            doubted = self.training_input.doubted
            return recent_feedback(
                session, project_id, label_ids, backbone.name, self.recipe, doubted=doubted
            )


def first_images(training_input: TrainingInput, recipe: Recipe) -> FirstImages | None:
    """The images of a project's first training, so that it comes soon: the observed ones, and some others.

    None, which takes them all, for a later training, for one that somebody asked for, and from end to end.
    """
    asked = training_input.run.reason is RunReason.ASKED_FOR
    if asked or recipe.end_to_end or training_input.previous is not None:
        return None
    observed = training_input.observed
    preferred = np.array(observed.image_ids)[observed.values.any(axis=1)]
    return FirstImages(FIRST_IMAGES, frozenset(preferred.tolist()), recipe.seed)


def tagging_propensity(settings: Settings, pool: Pool) -> NDArray[np.float64] | None:
    """The chance (L,) that a present label is the one tagged, where the settings ask to correct for it.

    None, and a word in the log, while completely reviewed images are too few to tell.
    """
    if not settings.correct_tagging_bias:
        return None
    found = propensity_from_reviews(pool.observed, pool.covered, pool.asked, pool.drawn)
    if found is None:
        log.info("The tagging bias is not corrected yet: that needs %d complete reviews.", LEAST_REVIEWS)
    return found


def chosen_recipe(settings: Settings, changes: dict[str, Any]) -> Recipe:
    """The settings' recipe with a run's changes. From end to end it runs on the settings' device.

    Raises LearningError for a change that no recipe has.
    """
    given = {"loss": settings.loss, "estimator": settings.estimator, "end_to_end": settings.end_to_end}
    fields = {name: value for name, value in (given | changes).items() if value is not None}
    if fields.get("end_to_end"):
        fields.setdefault("device", settings.device)
    return Recipe.from_dict({"seed": settings.seed} | fields)


def starting_backbone(
    resources: LearningResources, previous: ModelVersion | None, *, published: bool
) -> Backbone:
    """The backbone that the last version was left with, tuned or not; the settings' one when that is another,
    and that network's published weights when they are asked for.

    Raises LearningError when the weights cannot be had.
    """
    backbones = resources.backbones
    if previous is None or not backbones.keeps(previous):
        return resources.backbone
    if published:
        return backbones.published(previous)
    try:
        return backbones.of(previous)
    except LearningError as error:
        if not is_tuned(previous.backbone):
            raise
        log.warning("The training starts from the published weights: %s", error)
        return backbones.published(previous)


def _previous_model(training_input: TrainingInput, resources: LearningResources) -> LabelModel | None:
    """The version before, for its feature map; where it cannot serve, that costs time and nothing else."""
    if training_input.previous is None:
        return None
    try:
        return resources.model(training_input.previous)
    except LearningError as error:
        log.warning("Version %s cannot be built upon: %s", training_input.previous.name, error)
        return None
