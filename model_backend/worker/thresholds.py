"""Bringing the thresholds that people set into use, project by project."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

from annotator.errors import OnetagError
from annotator.store import Store
from annotator.store.last_failures import remembered
from annotator.store.runs import queue_in_place_of_damaged
from annotator.store.states import Work
from annotator.store.thresholds import projects_to_adjust
from model_backend.engine.resources import LearningResources
from model_backend.engine.thresholds import adjust_thresholds
from model_backend.errors import Damaged, LearningError
from model_backend.log_context import about

log = logging.getLogger(__name__)


def adjust_projects(store: Store, resources: LearningResources, stop: threading.Event) -> Iterator[int]:
    """Adjust each version in use that suggests by other thresholds than people want; yields the projects.

    Where its files are damaged a training is queued, which heeds them too.
    """
    with store.reading() as session:
        due = projects_to_adjust(session)
    for project_id in due:
        if stop.is_set():
            return
        with about(project=project_id):
            if _adjust(store, resources, project_id):
                yield project_id


def _adjust(store: Store, resources: LearningResources, project_id: int) -> bool:
    try:
        with remembered(store, project_id, Work.THRESHOLDS, (OnetagError, LearningError)):
            return adjust_thresholds(store, resources, project_id) is not None
    except Damaged as error:
        log.warning("Thresholds that people set come with the next training: %s", error)
        with store.session() as session:
            queue_in_place_of_damaged(session, project_id)
    except (OnetagError, LearningError) as error:
        log.warning("Thresholds that people set are not in use yet: %s", error)
    return False
