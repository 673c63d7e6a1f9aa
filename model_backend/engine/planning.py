"""What a project's next hour is best spent on: its costs, its refits, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import ModelVersion, ObservedMatrix, Project, Store, count_unanswered, observed_matrix
from annotator.store.acceptance import lazy_annotators
from annotator.store.costs import Costs, costs
from annotator.store.drawn import drawn
from annotator.store.rates import HOUR, STEP, WORTH, WORTH_SPREAD, Rate, rates
from annotator.store.states import Question
from annotator.store.versions import active_version
from model_backend.engine.fitting import chosen_recipe, starting_backbone
from model_backend.engine.pool import pool_features
from model_backend.engine.resources import LearningResources
from model_backend.planning import Forecast, Worth, forecast, refit, worth_of_complete
from model_backend.planning.curves import REACH
from model_backend.planning.refits import LEAST_REVIEWS, reviewed_rows
from model_backend.progress import Progress
from model_backend.training import Pool
from model_backend.training.covered import covered_cells, measured_cells

UNANSWERED = 1000  # images that the refits see besides the answered ones
ANSWERED = 4000  # of these at most
LITTLE = 0.005
"""mAP in 0..1 that a hundred answers should bring: for less, asking on hardly pays."""


@dataclass(frozen=True)
class Plan:
    """rates: the kinds of questions, the most an hour first. reviews: completely reviewed images that refits
    are scored on, of which `lacking` are too few yet. worth: of a complete image. forecast: None where
    nothing can be told of mAP. left: images that nobody has answered.
    """

    rates: list[Rate]
    reviews: int
    worth: Worth
    forecast: Forecast | None
    left: int

    @property
    def best(self) -> Rate:
        """What brings most an hour."""
        return self.rates[0]

    @property
    def completing(self) -> Rate:
        """What marking an image completely costs and brings."""
        return next(rate for rate in self.rates if rate.question is Question.COMPLETE)

    @property
    def lacking(self) -> int:
        """Images to mark completely until mAP can be told."""
        return max(0, LEAST_REVIEWS - self.reviews)

    @property
    def hour(self) -> int:
        """Answers of the best kind that an hour has time and the project has images for."""
        return min(self.left, int(HOUR / self.best.cost.seconds))

    @property
    def believed(self) -> int:
        """Answers of the best kind up to which the curve is believed."""
        if self.forecast is None:
            return 0
        return int((REACH - 1) * self.forecast.answers / self.best.worth)

    @property
    def pays_until(self) -> int | None:
        """After how many answers of the best kind a hundred more bring less than half a point.

        None where they still do as far as the curve is believed, or where nothing is known.
        """
        if self.forecast is None:
            return None
        at, step = self.forecast.answers, STEP * self.best.worth
        for further in range(0, self.believed + 1, STEP):
            before = at + further * self.best.worth
            if self.forecast.law(before) - self.forecast.law(before + step) < LITTLE:
                return further
        return None


@dataclass(frozen=True)
class _Record:
    """What is read of a project, in one snapshot.

    left: images that nobody answered, or of which nothing is known where there is no Label Studio.
    positives: k, where it was given. drawn (N,): images that chance picked to be marked completely.
    """

    observed: ObservedMatrix
    costs: Costs
    left: int
    version: ModelVersion | None
    positives: float | None
    drawn: NDArray[np.bool_]


def plan_project(store: Store, resources: LearningResources, project_id: int, progress: Progress) -> Plan:
    """Read the record, refit on parts of it, and say what further answers would bring.

    Raises OnetagError without an answer, OnetagError or LearningError where features cannot be had.
    """
    settings = resources.settings
    record = _read(store, settings, project_id)
    if not record.observed.values.any():
        raise OnetagError("Nobody has answered anything yet.", "Answer some images, then plan.")
    pool = _pool(store, resources, record, progress)
    reviews, worth, found = len(reviewed_rows(pool)), Worth(WORTH, WORTH_SPREAD), None
    if reviews >= LEAST_REVIEWS:
        worth, found = _measured(pool, settings, worth, record.positives, progress)
    labels = len(record.observed.label_ids)
    suggests = record.version is not None
    return Plan(
        rates=rates(record.costs, labels, suggests=suggests, worth=worth.tags, spread=worth.spread),
        reviews=reviews,
        worth=worth,
        forecast=found,
        left=record.left,
    )


def _read(store: Store, settings: Settings, project_id: int) -> _Record:
    with store.reading() as session:
        project = session.get_one(Project, project_id)
        doubted = lazy_annotators(session, project_id, settings.acceptance_limit)
        observed = observed_matrix(session, project_id, doubted=doubted)
        unknown = int((~observed.values.any(axis=1)).sum())
        return _Record(
            observed=observed,
            costs=costs(session, project_id),
            left=count_unanswered(session, project_id) if project.image_folder is None else unknown,
            version=active_version(session, project_id),
            positives=project.expected_positives or settings.expected_positives,
            drawn=drawn(project_id, observed.image_ids, settings.complete_share),
        )


def _pool(store: Store, resources: LearningResources, record: _Record, progress: Progress) -> Pool:
    """The answered images, and some of the others for what is learned from their neighbourhood."""
    observed = record.observed
    random = np.random.default_rng(resources.settings.seed)
    answered = observed.values.any(axis=1)
    parts = (np.flatnonzero(answered), ANSWERED), (np.flatnonzero(~answered), UNANSWERED)
    taken = np.sort(np.concatenate([random.permutation(rows)[:most] for rows, most in parts]))
    backbone = starting_backbone(resources, record.version, published=False)
    ids = [observed.image_ids[row] for row in taken.tolist()]
    found = pool_features(store, resources, backbone, ids, progress)
    rows = np.searchsorted(np.array(observed.image_ids), np.array(found.image_ids, dtype=np.int64))
    covered, asked = measured_on(observed, record.drawn)
    return Pool(
        found.features,
        backbone.blocks,
        observed.values[rows],
        backbone.expected(found.features, observed.label_names),
        None if covered is None else covered[rows],
        None if asked is None else asked[rows],
    )


def measured_on(
    observed: ObservedMatrix, by_chance: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_] | None, NDArray[np.bool_] | None]:
    """(covered, asked), (N, L) each: which reviews are scored on, and what else is told.

    Where enough of the reviewed images were drawn by chance, those alone: others were chosen, by a policy or
    by a person, and what holds for them need not hold for all. They still teach, as labels asked by name do.
    """
    told = covered_cells(observed.values, observed.covered)
    measured = measured_cells(observed.values, observed.covered, by_chance)
    chosen = told & ~measured
    if not chosen.any():
        return observed.covered, observed.asked
    return measured, chosen if observed.asked is None else chosen | observed.asked


def _measured(
    pool: Pool, settings: Settings, prior: Worth, positives: float | None, progress: Progress
) -> tuple[Worth, Forecast | None]:
    """The worth of a complete image and the learning curve, by refits on parts of the record."""
    recipe = replace(chosen_recipe(settings, {}), end_to_end=False)
    learn = partial(refit, pool, recipe, seed=settings.seed)
    positives = None if positives is None else min(positives, float(pool.labels))
    whole = learn(expected_positives=positives, progress=lambda _, done: progress("learning curve", done))
    tags = learn(
        expected_positives=positives,
        as_tags=True,
        progress=lambda _, done: progress("worth of a complete image", done),
    )
    worth = worth_of_complete(whole, tags, prior, seed=settings.seed)
    reviews = len(whole.truth)
    answered = int((pool.observed > 0).any(axis=1).sum())
    answers = (answered - reviews) + worth.tags * reviews
    return worth, forecast(whole, answers, worth.tags, seed=settings.seed)
