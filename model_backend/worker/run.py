"""The worker process."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from annotator.labelstudio.connection import open_studio
from annotator.settings import Settings
from annotator.store import Store
from model_backend.engine.resources import LearningResources, open_resources
from model_backend.errors import LearningError
from model_backend.worker.jobs import Jobs
from model_backend.worker.queue import open_job_queue

HEALTH_SECONDS = 10.0

log = logging.getLogger(__name__)


def run_worker(store: Store, settings: Settings, stop: threading.Event | None = None) -> None:
    """Work until SIGTERM, Ctrl-C or `stop`. A running training goes back to the queue first.

    Several workers may share a store and a queue. Raises OnetagError when the queue cannot be opened.
    """
    stop = stop or threading.Event()
    studio = open_studio(settings)
    resources = open_resources(settings, studio)
    queue = open_job_queue(settings, Jobs(store, settings, studio, resources, stop))
    consumer = queue.consumer()
    consumer.start()
    if threading.current_thread() is threading.main_thread():
        _stop_on_signals(stop)  # after start(), which sets handlers of its own
    log.info("The worker is ready.")
    warming = threading.Thread(target=_warm, args=(resources,), name="warming")
    warming.start()
    try:
        queue.reconcile()
        while not stop.wait(HEALTH_SECONDS):
            consumer.check_worker_health()
    finally:
        stop.set()
        consumer.stop(graceful=True)
        warming.join()
        queue.close()
        log.info("The worker has stopped.")


def _warm(resources: LearningResources) -> None:
    try:
        resources.warm()
    except LearningError as error:  # said now rather than after the first ten answers
        log.warning("Trainings will fail: %s", error)


def _stop_on_signals(stop: threading.Event) -> None:
    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
