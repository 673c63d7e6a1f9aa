"""One training: a pool and a recipe in, a model and a label vector for every image out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training.answers import Answers, calibrate_by, no_answers, thresholds_by
from model_backend.training.fused import fit_fused
from model_backend.training.linear import LinearFit, fit_linear
from model_backend.training.mapped import map_pool, worth_keeping
from model_backend.training.model import LabelModel, calibrated
from model_backend.training.pool import Floats, Pool
from model_backend.training.positives import expected_positives as estimate_positives
from model_backend.training.recipe import DEFAULT_RECIPE, Recipe

Progress = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class Fit:
    """model; probabilities (N, L) float32, the label vector of every image of the pool; metrics, JSON-able.

    Observed labels keep their estimated probability here: exports put 0 and 1 and mark them as human.
    """

    model: LabelModel
    probabilities: Floats
    metrics: dict[str, Any] = field(default_factory=dict)


def fit(
    pool: Pool,
    recipe: Recipe = DEFAULT_RECIPE,
    *,
    expected_positives: float | None = None,
    previous: LabelModel | None = None,
    precision: float = 0.8,
    propensity: NDArray[np.floating] | None = None,
    answers: Answers | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Fit:
    """Train on everything observed so far.

    expected_positives: labels an image, when the user knows; completed reviews correct it.
    previous: the last version, whose feature map serves again while it fits the pool.
    precision: the share of suggestions that should be right, for the thresholds.
    propensity (L,): where annotators prefer some labels, the chance in (0, 1] that each is tagged when
    present, see `simulate.label_propensity`.
    answers: what was said to earlier versions' suggestions, see `Answers`. From 20 on they calibrate
    the probabilities and set the thresholds. `pool` is to hold them too, as observed.
    progress: called with a stage and how much is done, 0..1.

    Raises LearningError when nothing is tagged yet. The same arguments give the same result.
    """
    report = progress or _silent
    tagged = pool.tagged
    if not len(tagged):
        raise LearningError(
            "No image has a label yet. Tag a few images (ten make a start), then train again."
        )
    started = time.perf_counter()
    positives = estimate_positives(pool.observed, expected_positives)
    report("feature map", 0.0)
    feature_map, mapped_pool = map_pool(pool, recipe, previous)
    mapped_at = time.perf_counter()
    weights = _propensity(propensity, pool.labels)
    trained = _heads(mapped_pool.mapped, pool, recipe, positives.value, report, weights)
    model = LabelModel(
        recipe=recipe,
        blocks=tuple(pool.blocks),
        feature_map=feature_map,
        parts=trained.parts,
        expected_positives=positives.value,
        thresholds=np.ones(pool.labels, dtype=np.float32),
        scale=torch.ones(pool.labels),
        offset=torch.zeros(pool.labels),
        pool=worth_keeping(mapped_pool),
    )
    report("label vectors", 0.95)
    raw = model.raw(mapped_pool.mapped)
    if trained.belief is not None:
        raw = (raw + trained.belief) / 2
    answers = answers or no_answers()
    calibration = calibrate_by(answers, raw.numpy(), pool.observed)
    model = model.calibrated(torch.from_numpy(calibration.scale), torch.from_numpy(calibration.offset))
    probabilities = calibrated(raw, model.scale, model.offset).numpy()
    model = model.with_thresholds(
        thresholds_by(answers, calibration, probabilities, pool.observed, precision)
    )
    report("done", 1.0)
    metrics = {
        "images": pool.images,
        "labels": pool.labels,
        "tagged": len(tagged),
        "never_tagged": np.flatnonzero(~(pool.observed > 0).any(axis=0)).tolist(),
        "expected_positives": positives.value,
        "expected_positives_source": positives.source,
        **answers.metrics(),
        "calibrated": calibration.answers > 0,
        "map_reused": previous is not None and feature_map is previous.feature_map,
        "map_seconds": round(mapped_at - started, 3),
        "head_seconds": round(time.perf_counter() - mapped_at, 3),
    }
    return Fit(model, probabilities, metrics)


def _heads(
    mapped: torch.Tensor,
    pool: Pool,
    recipe: Recipe,
    positives: float,
    report: Progress,
    propensity: torch.Tensor | None,
) -> LinearFit:
    observed = torch.from_numpy(pool.observed)
    if recipe.loss is None and recipe.estimator is None:
        seed = recipe.seed
        parts = fit_fused(mapped, observed, positives, seed=seed, progress=report, propensity=propensity)
        return LinearFit(parts, None, 0)
    chosen = recipe if recipe.loss is not None else replace(recipe, loss="role")
    return fit_linear(mapped, observed, chosen, positives, progress=report, propensity=propensity)


def _propensity(given: NDArray[np.floating] | None, labels: int) -> torch.Tensor | None:
    if given is None:
        return None
    values = torch.as_tensor(np.asarray(given, dtype=np.float32))
    if values.shape != (labels,) or not bool(((values > 0) & (values <= 1)).all()):
        raise LearningError(f"Propensities must be {labels} chances above 0 and at most 1, one a label.")
    return values


def _silent(_stage: str, _done: float) -> None:
    """For callers who do not watch."""
