"""Work that kills its own process (SIGKILL: no handler runs) at a point that is passed in."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from sqlalchemy import event

from annotator.settings import Settings
from annotator.store import ModelVersion, open_store
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_run
from tests.model_backend.conftest import Colours, RememberingStudio, read_picture

COMMITTING, COMMITTED = "committing the version", "the version is committed"


class FileStudio(RememberingStudio):
    """A Label Studio whose state lies in a file, and outlives who talks to it."""

    def __init__(self, file: Path, die_at: str = "") -> None:
        super().__init__()
        self.file, self.die_at = file, die_at
        if file.exists():
            kept = json.loads(file.read_text())
            self.predictions, self.queue = kept["predictions"], kept["queue"]

    def push_predictions(self, project: int, items: Sequence[dict[str, Any]]) -> int:
        self._die("before the push")
        half = len(items) // 2
        super().push_predictions(project, items[:half])
        self._keep("in the push")
        super().push_predictions(project, items[half:])
        self._keep("after the push")
        return len(items)

    def set_queue(self, project: int, version: str) -> None:
        super().set_queue(project, version)
        self._keep("after the switch")

    def clear_version(self, project: int, version: str) -> int:
        gone = super().clear_version(project, version)
        self._keep("after clearing")
        return gone

    def _keep(self, point: str) -> None:
        self.file.write_text(json.dumps({"predictions": self.predictions, "queue": self.queue}))
        self._die(point)

    def _die(self, point: str) -> None:
        if point == self.die_at:
            die()


def die() -> None:
    """End this process as the out-of-memory killer does."""
    os.kill(os.getpid(), signal.SIGKILL)


def train_and_die(url: str, settings: Settings, run_id: int, stage: str) -> None:
    """Work on a queued run until it reports this stage."""
    torch.set_num_threads(1)
    store = open_store(url)

    @event.listens_for(store.engine, "commit")
    def committing(_connection: object) -> None:
        if stage == COMMITTING and saved:
            die()

    saved: list[bool] = []

    @event.listens_for(ModelVersion, "after_insert")
    def inserted(*_told: object) -> None:
        saved.append(True)

    def report(reported: str, _done: float) -> None:
        if reported == stage:
            die()

    train_run(store, LearningResources(settings, read_picture, Colours()), run_id, progress=report)
    if stage == COMMITTED:
        die()


def publish_and_die(url: str, settings: Settings, project_id: int, file: Path, point: str) -> None:
    """Publish the active version until this point."""
    publish(open_store(url), settings, project_id, FileStudio(file, point))


def in_a_process(work: Any, *arguments: Any) -> int | None:
    """Run the work in a process of its own; its exit code, negative for the signal that ended it."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])  # torch is imported once, and each process is a copy
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join(120)
    return process.exitcode
