"""The order of the first questions, while there is no model: a typical image of every kind first.

Without it Label Studio asks in the order of the import, which is often one kind of image after the other. The
features are those that the first training needs too, so that it comes sooner.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from annotator.errors import OnetagError
from annotator.labelstudio.predictions import NO_VERSION, prediction
from annotator.store import Project, Store, unanswered_images
from annotator.store.first_order import note_first_order, tasks_of_images
from annotator.store.versions import active_version
from model_backend.acquisition import cold_start
from model_backend.engine.fitting import FIRST_IMAGES
from model_backend.engine.pool import FirstImages, pool_features
from model_backend.engine.publish import LabelingQueue
from model_backend.engine.resources import LearningResources
from model_backend.engine.suggest import queue_scores
from model_backend.progress import Progress, silent

log = logging.getLogger(__name__)


def order_first_questions(
    store: Store,
    resources: LearningResources,
    project_id: int,
    studio: LabelingQueue,
    progress: Progress = silent,
) -> int:
    """Bring the order of a project's first questions into Label Studio's queue; how many images it holds.

    By the features of 1,000 images drawn by chance, and of those that are at hand already: the others, and
    images that come later, are asked after these. A project that has a version by then is left alone. Done
    again after an interruption it pushes anew: of two predictions the queue takes either, and the first
    version's clear both. Raises OnetagError where Label Studio does not take it, LearningError for backbone
    or disk, and what `progress` raises.
    """
    with store.reading() as session:
        tasks = tasks_of_images(session, project_id)
        waiting = set(unanswered_images(session, project_id))
    first = FirstImages(FIRST_IMAGES, frozenset(), resources.settings.seed)
    pool = pool_features(store, resources, resources.backbone, list(tasks), progress, first=first)
    known = np.array([image_id not in waiting for image_id in pool.image_ids], dtype=bool)
    scores = queue_scores(cold_start(pool.features, known, seed=resources.settings.seed))
    order = [row for row in np.argsort(scores, kind="stable") if not known[row]]
    first_ones = {pool.image_ids[row]: float(scores[row]) for row in order[: resources.settings.window]}
    pushed = _push(store, project_id, studio, tasks, first_ones)
    with store.session() as session:
        note_first_order(session, project_id)
    log.info("The first questions are asked of typical images of every kind: %d have their place.", pushed)
    return pushed


def _push(
    store: Store,
    project_id: int,
    studio: LabelingQueue,
    tasks: Mapping[int, int],
    scores: Mapping[int, float],
) -> int:
    """Push predictions that suggest nothing, with these scores by image, and let the queue follow them."""
    with store.reading() as session:
        number = session.get_one(Project, project_id).studio_project
        version = active_version(session, project_id)
    if number is None or version is not None or not scores:
        return 0
    made = [
        prediction([], NO_VERSION, score, None, task=tasks[image_id]) for image_id, score in scores.items()
    ]
    studio.push_predictions(number, made)
    studio.set_queue(number, NO_VERSION)
    with store.reading() as session:
        version = active_version(session, project_id)
    if version is not None:  # made meanwhile: where its predictions are there already, they lead
        with suppress(OnetagError):
            studio.set_queue(number, version.name)
    return len(made)
