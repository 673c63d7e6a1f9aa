"""The order of projects' first questions, behind everything else."""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from annotator.errors import OnetagError
from annotator.store import Store
from annotator.store.first_order import first_orders_due
from annotator.store.runs import open_run
from model_backend.engine.first_order import order_first_questions
from model_backend.engine.publish import LabelingQueue
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import Stopped
from model_backend.errors import LearningError
from model_backend.log_context import about
from model_backend.worker.priority import in_background

TRY_AGAIN_SECONDS = 600.0
SETTLED = timedelta(seconds=20)  # without a new image: an import is over

log = logging.getLogger(__name__)


class FirstOrders:
    """Orders the first questions of the projects that have no version, one project at a time.

    What there is to do stands in the store. studio: None where there is no Label Studio to order.
    """

    def __init__(
        self,
        store: Store,
        resources: LearningResources,
        studio: LabelingQueue | None,
        stop: threading.Event,
        settled: timedelta = SETTLED,
    ) -> None:
        self._store = store
        self._resources = resources
        self._studio = studio
        self._stop = stop
        self._settled = settled
        self._busy = threading.Lock()
        self._not_before = 0.0

    def due(self) -> bool:
        """Whether a project waits, and nobody is at it."""
        if self._studio is None or self._busy.locked() or time.monotonic() < self._not_before:
            return False
        return bool(self._waiting(self._studio))

    def run(self) -> None:
        """Order all that are due, or leave it to the thread that is at it."""
        if self._studio is None or not self._busy.acquire(blocking=False):
            return
        try:
            in_background(partial(self._order_all, self._studio))
        except Stopped:
            log.info("The first questions are ordered later: the worker stops.")
        finally:
            self._busy.release()

    def _waiting(self, studio: LabelingQueue) -> list[int]:
        with self._store.reading() as session:
            return list(first_orders_due(session, studio.url, datetime.now(UTC) - self._settled))

    def _order_all(self, studio: LabelingQueue) -> None:
        for project_id in self._waiting(studio):
            with about(project=project_id):
                self._order(project_id, studio)

    def _order(self, project_id: int, studio: LabelingQueue) -> None:
        give_way = partial(self._give_way, project_id)
        try:
            order_first_questions(self._store, self._resources, project_id, studio, give_way)
        except _Overtaken:
            log.info("The first training comes before the first questions have an order.")
        except (OnetagError, LearningError) as error:
            self._not_before = time.monotonic() + TRY_AGAIN_SECONDS
            log.warning("The first questions of project %d have no order yet: %s", project_id, error)

    def _give_way(self, project_id: int, _stage: str, _done: float) -> None:
        if self._stop.is_set():
            raise Stopped
        with self._store.reading() as session:
            if open_run(session, project_id) is not None:
                raise _Overtaken


class _Overtaken(Exception):  # noqa: N818 (nothing went wrong)
    """A training of the project waits or runs: the processors are its own."""
