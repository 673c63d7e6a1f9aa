"""Answered suggestions on their way from the store to the next training."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import ModelVersion, suggestion_feedback
from model_backend.backbones.tuned import network_of
from model_backend.errors import LearningError
from model_backend.training import Feedback, Recipe
from model_backend.training.calibration import Calibration


def recent_feedback(
    session: Session,
    project_id: int,
    label_ids: Sequence[int],
    backbone: str,
    recipe: Recipe,
    *,
    doubted: Collection[str] = (),
) -> Feedback:
    """What was answered to the newest versions of this backbone and recipe, about these labels.

    Not what `doubted` annotators answered, who confirm whatever is shown. Other recipes and backbones err in
    other ways. A recipe's seed makes no difference, nor does the tuning of one network where every version is
    tuned anew.
    """
    found = suggestion_feedback(session, project_id, doubted=doubted)
    made = select(ModelVersion).where(ModelVersion.id.in_(np.unique(found.version_ids).tolist()))
    raw = found.probabilities.copy()
    kept = np.isin(found.label_ids, list(label_ids))
    for version in session.scalars(made):
        its = found.version_ids == version.id
        if not (_same_backbone(version, backbone, recipe) and _same_recipe(version, recipe)):
            kept[its] = False
        elif version.calibration_scale is not None:
            raw[its] = _before_calibration(version, found.label_ids[its], raw[its])
    columns = {label_id: column for column, label_id in enumerate(label_ids)}
    labels = np.array([columns[label_id] for label_id in found.label_ids[kept].tolist()], dtype=np.int64)
    return Feedback(labels, raw[kept], found.probabilities[kept], found.values[kept] > 0)


def _same_backbone(version: ModelVersion, backbone: str, recipe: Recipe) -> bool:
    if recipe.end_to_end:
        return network_of(version.backbone) == network_of(backbone)
    return version.backbone == backbone


def _same_recipe(version: ModelVersion, recipe: Recipe) -> bool:
    """Read as a recipe, so that fields younger than the version have their defaults."""
    try:
        return Recipe.from_dict(version.recipe | {"seed": recipe.seed}) == recipe
    except LearningError:  # of a later release
        return False


def _before_calibration(version: ModelVersion, label_ids: Any, probabilities: Any) -> Any:
    columns = {label_id: column for column, label_id in enumerate(version.label_ids)}
    at = [columns[label_id] for label_id in label_ids.tolist()]
    kept = (version.calibration_scale, version.calibration_offset)
    scale, offset = (np.array(values, dtype=np.float32)[at] for values in kept)
    return Calibration(scale, offset, len(at)).undo(probabilities)
