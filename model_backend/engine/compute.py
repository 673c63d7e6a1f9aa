"""Suggestions for images that joined after the training: computed with the active version, and kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    Image,
    ModelVersion,
    Observation,
    Store,
    Suggested,
    store_suggestions,
    store_vectors,
    sync_images,
)
from model_backend.acquisition import Candidates, priority
from model_backend.engine.resources import LearningResources
from model_backend.engine.suggest import queue_scores, suggested_labels
from model_backend.engine.wanted import Wanted


def compute(
    store: Store,
    resources: LearningResources,
    version: ModelVersion,
    wanted: Sequence[Wanted],
    *,
    before: float,
) -> dict[int, Suggested]:
    """Suggestions by place in the request, for the images that can be read; kept in the store.

    before: the `time.monotonic()` after which no further image is read. Raises TooLate when it passed before
    all were read, LearningError when the version cannot be used.
    """
    model = resources.model(version)
    backbone = resources.backbones.of(version)
    found = resources.extract([each.uri for each in wanted], backbone, before=before)
    good = [index for index in range(len(wanted)) if index not in found.problems]
    if not good:
        return {}
    probabilities = model.predict(found.features[good])
    settings = resources.settings
    scores = queue_scores(priority(settings.acquisition, Candidates(probabilities), seed=settings.seed))
    chosen = [wanted[index] for index in good]
    with store.session() as session:
        ids = _image_ids(session, version.project_id, chosen)
        observed = _observed(session, version, ids)
        labels = suggested_labels(probabilities, model.thresholds, observed, version.labels)
        # Which cluster they would be in is not known: spread them evenly.
        made = [
            Suggested(image_id, suggested, float(score), image_id % resources.groups)
            for image_id, suggested, score in zip(ids, labels, scores, strict=True)
        ]
        _keep(session, version, made, probabilities)
    return {each.place: suggested for each, suggested in zip(chosen, made, strict=True)}


def _image_ids(session: Session, project_id: int, wanted: Sequence[Wanted]) -> list[int]:
    """The images' ids; a task that the store has not met yet becomes an image."""
    tasks = [each.task for each in wanted]
    chosen = select(Image.studio_task, Image.id).where(
        Image.project_id == project_id, Image.studio_task.in_(tasks)
    )
    known = {row.studio_task: row.id for row in session.execute(chosen)}
    new = {each.task: each.uri for each in wanted if each.task not in known}
    if new:
        sync_images(session, project_id, new)
        known = {row.studio_task: row.id for row in session.execute(chosen)}
    return [known[task] for task in tasks]


def _observed(session: Session, version: ModelVersion, image_ids: Sequence[int]) -> NDArray[np.int8]:
    """Where something was known already (1) and where not (0): (images, labels of the version)."""
    known = np.zeros((len(image_ids), len(version.label_ids)), dtype=np.int8)
    rows = {image_id: row for row, image_id in enumerate(image_ids)}
    columns = {label_id: column for column, label_id in enumerate(version.label_ids)}
    chosen = select(Observation.image_id, Observation.label_id).where(
        Observation.image_id.in_(image_ids), Observation.retired_at.is_(None)
    )
    for image_id, label_id in session.execute(chosen):
        if label_id in columns:
            known[rows[image_id], columns[label_id]] = 1
    return known


def _keep(
    session: Session, version: ModelVersion, made: Sequence[Suggested], probabilities: NDArray[np.float32]
) -> None:
    """Store what was computed, one row an image, unless the version was pruned meanwhile."""
    if not session.get_one(ModelVersion, version.id, populate_existing=True).folder:
        return
    first = {each.image_id: row for row, each in reversed(list(enumerate(made)))}
    rows = sorted(first.values())
    store_suggestions(session, version.id, [made[row] for row in rows])
    store_vectors(session, version.id, [made[row].image_id for row in rows], probabilities[rows])
