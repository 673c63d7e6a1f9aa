"""The worker process."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from annotator.errors import OnetagError
from annotator.labelstudio.connection import open_studio
from annotator.settings import Settings, renewed
from annotator.store import Store, retry_after_upgrade
from model_backend.backbones import import_library
from model_backend.engine.resources import LearningResources, open_resources
from model_backend.errors import LearningError
from model_backend.worker.jobs import Jobs
from model_backend.worker.queue import is_queue_damaged, open_job_queue
from model_backend.worker.stopping import asked_to_stop

HEALTH_SECONDS = 10.0
LOOK_SECONDS = 1.0

log = logging.getLogger(__name__)


def run_worker(store: Store, settings: Settings, stop: threading.Event | None = None) -> None:
    """Work until SIGTERM, Ctrl-C or `stop`. A running training goes back to the queue first.

    Once `onetag connect` tells of another Label Studio, or of a first one, the work goes on with that.
    Several workers may share a store and a queue. Raises OnetagError when the queue cannot be opened.
    """
    stop = stop or asked_to_stop()
    while not stop.is_set():
        settings = _work(store, settings, stop)
    log.info("The worker has stopped.")


def _work(store: Store, settings: Settings, stop: threading.Event) -> Settings:
    """Work with these settings until `stop`, or until others hold; returns those that hold then."""
    pause = threading.Event()
    _let_back_in(store)
    studio = open_studio(settings)
    resources = open_resources(settings, studio, pause)
    queue = open_job_queue(settings, Jobs(store, settings, studio, resources, pause))
    consumer = queue.consumer()
    with suppress(LearningError):  # which warming tells of
        import_library(settings.backbone)
    consumer.start()
    log.info("The worker is ready%s.", f" for {studio.url}" if studio else ": no Label Studio is known yet")
    warming = threading.Thread(target=_warm, args=(resources,), name="warming")
    warming.start()
    try:
        queue.reconcile()
        return _until_others_hold(settings, stop, consumer.check_worker_health)
    finally:
        pause.set()
        consumer.stop(graceful=True)
        warming.join()
        queue.close()


def _let_back_in(store: Store) -> None:
    """Try again what another release could not take in."""
    with store.session() as session:
        back = retry_after_upgrade(session)
    if back:
        log.info("%d events that another release could not take in are tried again.", back)


def _until_others_hold(settings: Settings, stop: threading.Event, check: Callable[[], object]) -> Settings:
    """Wait for `stop` or for other settings, which are looked for often: someone has just connected."""
    checked = time.monotonic()
    while not stop.wait(LOOK_SECONDS):
        with suppress(OnetagError):  # a credentials file that cannot be read now: the old ones hold
            now = renewed(settings)
            if now != settings:
                log.info("Label Studio is now the one at %s.", now.label_studio_url)
                return now
        if time.monotonic() - checked >= HEALTH_SECONDS:
            if is_queue_damaged(settings):
                return settings  # to open it anew
            check()
            checked = time.monotonic()
    return settings


def _warm(resources: LearningResources) -> None:
    try:
        resources.warm()
    except LearningError as error:  # said now rather than after the first ten answers
        log.warning("Trainings will fail: %s", error)
