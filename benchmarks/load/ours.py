"""Our backend and worker as processes of their own, with trainings one after another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import func, select

from annotator.labelstudio.backends import SECRET_HEADER
from annotator.settings import Settings, load_settings, new_secret
from annotator.store import (
    Annotation,
    Project,
    RunReason,
    RunState,
    Store,
    TrainingRun,
    open_run,
    open_store,
    queue_run,
    upgrade,
)
from benchmarks.load.filling import BACKBONE, Size, add_features, fill
from benchmarks.load.traffic import Report, Server
from model_backend.stack.installation import MLBackend, Worker
from model_backend.stack.ports import free_port
from model_backend.worker.queue import open_job_queue

LOOK_SECONDS = 0.25
READY_SECONDS = 600.0
STUCK_SECONDS = 120.0


class Installation:
    """A filled project, and the backend and the worker over it."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        with store.reading() as session:
            self.project_id = session.scalars(select(Project.id)).one()
        secret = settings.secret.get_secret_value() if settings.secret else ""
        self.server = Server(settings.port, {SECRET_HEADER: secret})

    @contextmanager
    def training(self) -> Iterator[Trainings]:
        """Trainings one after another, from the first one that is done until the context ends."""
        trainings = Trainings(self)
        thread = threading.Thread(target=trainings.keep_going, name="trainings", daemon=True)
        thread.start()
        try:
            trainings.await_first()
            yield trainings
        finally:
            trainings.stop.set()
            thread.join()

    def taken_in(self, annotations: set[int], report: Report) -> tuple[float, int]:
        """Seconds until all of these annotations are in the store, and how many never come."""
        began = moved = time.monotonic()
        left = len(annotations)
        while left:
            with self.store.reading() as session:
                numbers = select(Annotation.studio_annotation).where(Annotation.project_id == self.project_id)
                known = annotations.intersection(session.scalars(numbers))
            if len(annotations) - len(known) < left:
                left, moved = len(annotations) - len(known), time.monotonic()
            report(len(known), len(annotations))
            if left and time.monotonic() - moved > STUCK_SECONDS:
                break
            time.sleep(LOOK_SECONDS if left else 0)
        return time.monotonic() - began, left


class Trainings:
    """Sees to it that a training is always under way, and how much of the time that came true."""

    def __init__(self, installation: Installation) -> None:
        self.stop = threading.Event()
        self._ours, self._looks, self._running = installation, 0, 0

    def keep_going(self) -> None:
        """Queue the next training whenever none is open."""
        with closing(open_job_queue(self._ours.settings)) as queue:
            while not self.stop.wait(LOOK_SECONDS):
                with self._ours.store.reading() as session:
                    run = open_run(session, self._ours.project_id)
                self._looks += 1
                self._running += run is not None and run.state is RunState.RUNNING
                if run is None:
                    with self._ours.store.session() as session:
                        queue_run(session, self._ours.project_id, RunReason.ASKED_FOR)
                    queue.train()

    def await_first(self) -> None:
        """Wait for the first version. Exits when the first training fails."""
        deadline = time.monotonic() + READY_SECONDS
        while (done := self.done()) == 0 and time.monotonic() < deadline:
            with self._ours.store.reading() as session:
                failed = session.scalars(
                    select(TrainingRun.error).where(TrainingRun.state == RunState.FAILED)
                ).first()
            if failed is not None:
                raise SystemExit(f"The first training failed: {failed}")
            time.sleep(LOOK_SECONDS)
        if not done:
            raise SystemExit(f"No training was done within {READY_SECONDS:.0f} seconds.")
        self._looks = self._running = 0

    def done(self) -> int:
        """How many trainings are done."""
        done = select(func.count()).select_from(TrainingRun).where(TrainingRun.state == RunState.DONE)
        with self._ours.store.reading() as session:
            return session.scalar(done) or 0

    @property
    def share(self) -> float:
        """The share of the time since the first version in which one ran."""
        return self._running / self._looks if self._looks else 0.0


Prepare = Callable[[Settings, Store], None]


def filled(size: Size) -> Prepare:
    """Fills a store with a project of this size, whose features are known."""

    def prepare(settings: Settings, store: Store) -> None:
        fill(store, size)
        add_features(settings, size.images)

    return prepare


@contextmanager
def running(folder: Path, database_url: str, prepare: Prepare, **others: Any) -> Iterator[Installation]:
    """An installation below `folder`, whose processes end with the context.

    prepare: fills its store before they start. others: settings.
    """
    settings = load_settings(
        data_dir=folder / "data",
        database_url=database_url,
        port=free_port(),
        secret=SecretStr(new_secret()),
        backbone=BACKBONE,
        device="cpu",
        **others,
    )
    settings.data_dir.mkdir(parents=True)
    store = open_store(settings.store_url)
    try:
        upgrade(store)
        prepare(settings, store)
        backend = MLBackend(folder / "run", settings)
        with backend, Worker(folder / "run", settings):
            backend.wait_ready()
            yield Installation(settings, store)
    finally:
        store.close()
