"""Maps of projects, computed behind everything else."""

from __future__ import annotations

import logging
import threading
import time

from annotator.errors import OnetagError
from annotator.store import Store
from annotator.store.layouts import layouts_due
from model_backend.engine.layout import lay_out_project
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import Stopped
from model_backend.errors import LearningError
from model_backend.log_context import about
from model_backend.worker.priority import in_background

TRY_AGAIN_SECONDS = 1800.0

log = logging.getLogger(__name__)


class Layouts:
    """Lays out the projects that have a new version, one at a time; what it is to do stands in the store."""

    def __init__(self, store: Store, resources: LearningResources, stop: threading.Event) -> None:
        self._store = store
        self._resources = resources
        self._stop = stop
        self._busy = threading.Lock()
        self._not_before = 0.0

    def due(self) -> bool:
        """Whether a project waits, and nobody is at it."""
        if self._busy.locked() or time.monotonic() < self._not_before:
            return False
        with self._store.reading() as session:
            return bool(layouts_due(session))

    def run(self) -> None:
        """Lay out all that are due, or leave it to the thread that is at it."""
        if not self._busy.acquire(blocking=False):
            return
        try:
            in_background(self._lay_out_all)
        except Stopped:
            log.info("A map is computed later: the worker stops.")
        finally:
            self._busy.release()

    def _lay_out_all(self) -> None:
        with self._store.reading() as session:
            due = layouts_due(session)
        for project_id in due:
            with about(project=project_id):
                self._lay_out(project_id)

    def _lay_out(self, project_id: int) -> None:
        try:
            lay_out_project(self._store, self._resources, project_id, self._rest)
        except (OnetagError, LearningError) as error:
            self._not_before = time.monotonic() + TRY_AGAIN_SECONDS
            log.warning("The map of project %d has to be computed later: %s", project_id, error)

    def _rest(self) -> None:
        if self._stop.is_set():
            raise Stopped
