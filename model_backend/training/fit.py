"""One training: from a pool and a recipe to a model and the label vector of every image."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.progress import Progress, silent
from model_backend.training.choices import resolved
from model_backend.training.default_heads import fit_default_heads, soft_belief
from model_backend.training.evidence import only_earned
from model_backend.training.feedback import Feedback, no_feedback
from model_backend.training.finish import Fit, finish, require_tags, uncalibrated
from model_backend.training.linear import LinearFit, fit_linear
from model_backend.training.mapped_pool import map_pool, worth_keeping
from model_backend.training.model import LabelModel
from model_backend.training.pool import Pool
from model_backend.training.positives import expected_positives as estimate_positives
from model_backend.training.preference import tag_preference
from model_backend.training.propensity import checked_propensity
from model_backend.training.recipe import DEFAULT_RECIPE, Recipe
from model_backend.training.soft_labels import SoftLabels, soft_labels_for
from model_backend.training.supervision import Supervision


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

    expected_positives: labels an image, when the user knows; else it is estimated from the tags, see
    `positives_by_tags`. Completed reviews correct either.
    previous: the last version, whose feature map is used again while it fits the pool.
    precision: the share of suggestions that should be right, for the thresholds.
    propensity (L,): where annotators prefer some labels, the chance in (0, 1] that each is tagged when
    present, see `label_propensity`. Unless given, the default takes what the pool itself tells of it, see
    `tag_preference`.
    feedback: the reviews of earlier versions' suggestions. From 20 on they calibrate the probabilities and
    set the thresholds. `pool` must hold them too, as observed.
    progress: called with a stage and the share done, 0..1; what it raises ends the training.

    Raises LearningError when nothing is tagged yet. The same arguments give the same result.

    >>> random = np.random.default_rng(0)
    >>> truth = random.integers(0, 2, (60, 3))
    >>> features = (truth + 0.1 * random.normal(size=(60, 3))).astype(np.float32)
    >>> observed = np.zeros_like(truth)
    >>> for image in np.flatnonzero(truth.any(axis=1)):
    ...     observed[image, random.choice(np.flatnonzero(truth[image]))] = 1
    >>> fitted = fit(Pool(features, (), observed))
    >>> fitted.probabilities.shape
    (60, 3)
    >>> unseen = fitted.model.predict(np.array([[1, 0, 0], [0, 0, 1]], np.float32))
    >>> unseen.argmax(axis=1).tolist()
    [0, 2]
    """
    report = progress or silent
    require_tags(pool)
    started = time.perf_counter()
    report("feature map", 0.0)
    feature_map, mapped = map_pool(pool, recipe, previous)
    mapped_at = time.perf_counter()
    observed = torch.from_numpy(pool.observed)
    expected = None if pool.expected is None else torch.from_numpy(pool.expected)
    soft_labels = soft_labels_for(
        recipe,
        mapped.mapped,
        observed,
        expected_positives,
        report,
        expected=expected,
        covered=pool.covered,
        asked=pool.asked,
    )
    shares = soft_labels.shares if soft_labels else None
    positives = estimate_positives(
        pool.observed, expected_positives, shares, pool.covered, pool.asked, pool.drawn
    )
    preference = tag_preference(pool)
    if propensity is None and recipe.is_default:
        propensity = preference
    weights = checked_propensity(propensity, pool.labels)
    supervision = Supervision(observed, positives.value, weights)
    trained = _fit_heads(mapped.mapped, supervision, soft_labels, recipe, report)
    model = uncalibrated(pool, recipe, feature_map, trained.heads, positives.value)
    finished = finish(
        replace(model, pool=worth_keeping(mapped)),
        pool,
        mapped.mapped,
        estimated=trained.estimated,
        feedback=feedback,
        precision=precision,
        positives=positives,
        progress=report,
    )
    if soft_labels is not None:
        finished = only_earned(finished, soft_labels, feedback or no_feedback(), precision)
        if finished.belief is None:
            finished = replace(finished, belief=soft_belief(soft_labels, supervision).numpy())
    took = {
        "map_reused": previous is not None and feature_map is previous.feature_map,
        "map_seconds": round(mapped_at - started, 3),
        "head_seconds": round(time.perf_counter() - mapped_at, 3),
        "not_expected_by_name": _nameless(pool) if recipe.is_default else None,
    }
    return replace(finished, metrics=finished.metrics | took, preference=preference)


def _nameless(pool: Pool) -> list[int] | None:
    """The columns of labels whose names tell the backbone nothing; None where it knows no names."""
    if pool.expected is None or bool(np.isnan(pool.expected).all()):
        return None
    return [int(column) for column in np.flatnonzero(np.isnan(pool.expected).all(axis=0))]


def _fit_heads(
    mapped: Tensor, supervision: Supervision, soft_labels: SoftLabels | None, recipe: Recipe, report: Progress
) -> LinearFit:
    """The shipped default's heads, or the one of the recipe's loss."""
    if recipe.is_default and soft_labels is not None:
        heads = fit_default_heads(mapped, supervision, soft_labels, seed=recipe.seed, progress=report)
        return LinearFit(heads, None, 0)
    return fit_linear(mapped, supervision, resolved(recipe), progress=report)
