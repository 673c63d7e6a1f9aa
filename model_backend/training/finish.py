"""From a trained head to a finished version: calibration, thresholds, label vectors, metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.features.mapping import FeatureMap
from model_backend.progress import Progress
from model_backend.training.calibration import calibrated
from model_backend.training.feedback import (
    Feedback,
    calibrate_by_feedback,
    no_feedback,
    thresholds_by_feedback,
)
from model_backend.training.model import Head, LabelModel
from model_backend.training.pool import Floats, Pool
from model_backend.training.positives import ExpectedPositives
from model_backend.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Fit:
    """model; probabilities (N, L) float32, the label vector of every image of the pool; metrics, JSON-able.

    Observed labels too have their estimated probability here; exports write 0 or 1 in its place.
    mapped (N, D): the pool's features through the model's map. belief (N, L): what the estimator, or the
    soft labels, say apart from the heads; None where the recipe has neither. preference (L,): how readily
    each label is tagged where it is there, see `tag_preference`.
    """

    model: LabelModel
    probabilities: Floats
    metrics: dict[str, Any] = field(default_factory=dict)
    mapped: Floats | None = field(default=None, repr=False)
    belief: Floats | None = field(default=None, repr=False)
    preference: NDArray[np.float64] | None = field(default=None, repr=False)


def require_tags(pool: Pool) -> None:
    """Raises LearningError when no label of the pool is observed as present."""
    if not len(pool.tagged):
        raise LearningError(
            "No image has a label yet.", "Tag a few images (ten make a start), then train again."
        )


def uncalibrated(
    pool: Pool, recipe: Recipe, feature_map: FeatureMap, heads: tuple[Head, ...], positives: float
) -> LabelModel:
    """A model of these heads without calibration, whose thresholds suggest nothing yet."""
    return LabelModel(
        recipe=recipe,
        blocks=tuple(pool.blocks),
        feature_map=feature_map,
        heads=heads,
        expected_positives=positives,
        thresholds=np.ones(pool.labels, dtype=np.float32),
        scale=torch.ones(pool.labels),
        offset=torch.zeros(pool.labels),
    )


def finish(
    model: LabelModel,
    pool: Pool,
    mapped: Tensor,
    *,
    estimated: Tensor | None,
    feedback: Feedback | None,
    precision: float,
    positives: ExpectedPositives,
    progress: Progress,
) -> Fit:
    """Calibrate an uncalibrated model, choose its thresholds and give each image its label vector.

    mapped (N, D): the pool's features through the model's map. estimated (N, L): the estimator's
    probabilities of the pool, averaged with the model's. feedback, precision: see `fit`.
    """
    progress("label vectors", 0.95)
    raw = model.raw(mapped)
    if estimated is not None:
        raw = (raw + estimated) / 2
    feedback = feedback or no_feedback()
    calibration = calibrate_by_feedback(feedback, raw.numpy(), pool.observed)
    model = model.calibrated(torch.from_numpy(calibration.scale), torch.from_numpy(calibration.offset))
    probabilities = calibrated(raw, model.scale, model.offset).numpy()
    thresholds = thresholds_by_feedback(feedback, calibration, probabilities, pool.observed, precision)
    progress("done", 1.0)
    metrics = {
        "images": pool.images,
        "labels": pool.labels,
        "tagged": len(pool.tagged),
        "never_tagged": np.flatnonzero(~(pool.observed > 0).any(axis=0)).tolist(),
        "expected_positives": positives.value,
        "expected_positives_source": positives.source,
        **feedback.metrics(),
        "calibrated": calibration.feedback > 0,
    }
    belief = None if estimated is None else estimated.numpy()
    return Fit(model.with_thresholds(thresholds), probabilities, metrics, mapped.numpy(), belief)
