"""One training: a pool and a recipe in, a model and a label vector for every image out."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.progress import Progress, silent
from model_backend.training.choices import resolved
from model_backend.training.default_heads import fit_default_heads
from model_backend.training.feedback import Feedback
from model_backend.training.finish import Fit, finish, require_tags, uncalibrated
from model_backend.training.linear import LinearFit, fit_linear
from model_backend.training.mapped_pool import map_pool, worth_keeping
from model_backend.training.model import LabelModel
from model_backend.training.pool import Pool
from model_backend.training.positives import expected_positives as estimate_positives
from model_backend.training.recipe import DEFAULT_RECIPE, Recipe
from model_backend.training.soft_labels import SoftLabels, soft_labels_for


def fit(
    pool: Pool,
    recipe: Recipe = DEFAULT_RECIPE,
    *,
    expected_positives: float | None = None,
    previous: LabelModel | None = None,
    precision: float = 0.8,
    propensity: NDArray[np.floating] | None = None,
    feedback: Feedback | None = None,
    progress: Progress | None = None,
) -> Fit:
    """Train on everything observed so far.

    expected_positives: labels an image, when the user knows; else the tags tell it roughly, see
    `positives_by_tags`. Completed reviews correct either.
    previous: the last version, whose feature map serves again while it fits the pool.
    precision: the share of suggestions that should be right, for the thresholds.
    propensity (L,): where annotators prefer some labels, the chance in (0, 1] that each is tagged when
    present, see `simulate.label_propensity`.
    feedback: what was said to earlier versions' suggestions, see `Feedback`. From 20 on they calibrate
    the probabilities and set the thresholds. `pool` is to hold them too, as observed.
    progress: called with a stage and how much is done, 0..1.

    Raises LearningError when nothing is tagged yet. The same arguments give the same result.
    """
    report = progress or silent
    require_tags(pool)
    started = time.perf_counter()
    report("feature map", 0.0)
    feature_map, mapped = map_pool(pool, recipe, previous)
    mapped_at = time.perf_counter()
    weights = _propensity(propensity, pool.labels)
    observed = torch.from_numpy(pool.observed)
    belief = soft_labels_for(recipe, mapped.mapped, observed, expected_positives, report)
    positives = estimate_positives(pool.observed, expected_positives, belief.shares if belief else None)
    trained = _heads(mapped.mapped, observed, recipe, positives.value, belief, report, weights)
    model = uncalibrated(pool, recipe, feature_map, trained.parts, positives.value)
    finished = finish(
        replace(model, pool=worth_keeping(mapped)),
        pool,
        mapped.mapped,
        belief=trained.belief,
        feedback=feedback,
        precision=precision,
        positives=positives,
        progress=report,
    )
    took = {
        "map_reused": previous is not None and feature_map is previous.feature_map,
        "map_seconds": round(mapped_at - started, 3),
        "head_seconds": round(time.perf_counter() - mapped_at, 3),
    }
    return replace(finished, metrics=finished.metrics | took)


def _heads(
    mapped: torch.Tensor,
    observed: torch.Tensor,
    recipe: Recipe,
    positives: float,
    belief: SoftLabels | None,
    report: Progress,
    propensity: torch.Tensor | None,
) -> LinearFit:
    if recipe.is_default and belief is not None:
        parts = fit_default_heads(
            mapped, observed, belief, positives, seed=recipe.seed, progress=report, propensity=propensity
        )
        return LinearFit(parts, None, 0)
    return fit_linear(mapped, observed, resolved(recipe), positives, progress=report, propensity=propensity)


def _propensity(given: NDArray[np.floating] | None, labels: int) -> torch.Tensor | None:
    if given is None:
        return None
    values = torch.as_tensor(np.asarray(given, dtype=np.float32))
    if values.shape != (labels,) or not bool(((values > 0) & (values <= 1)).all()):
        raise LearningError(f"Propensities must be {labels} chances above 0 and at most 1, one a label.")
    return values
