"""Waiting beside what runs: the trainings of the worker shown as they go, since features take their time."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console

from annotator.errors import OnetagError
from annotator.store import Store, open_run
from model_backend.commands.console import stage_bar

if TYPE_CHECKING:
    from model_backend.stack.installation import Installation

LOOK_SECONDS = 1.0


def follow(installation: Installation, console: Console) -> None:
    """Until Ctrl-C, with a bar while a training runs. Raises OnetagError when a part cannot be kept alive."""
    with contextlib.suppress(KeyboardInterrupt):
        over = False
        while not over:
            over = installation.supervisor.wait(LOOK_SECONDS)
            if not over and running(installation.store, installation.project_id):
                over = follow_training(installation, console)


def follow_training(installation: Installation, console: Console) -> bool:
    """Show one training until it ends; whether everything is over."""
    with stage_bar(console, "Training") as report:
        while (told := running(installation.store, installation.project_id)) is not None:
            report(*told)
            if installation.supervisor.wait(LOOK_SECONDS):
                return True
    return False


def running(store: Store, project_id: int) -> tuple[str, float] | None:
    """(stage, share done) of the training that a worker is at; None without one, or when nobody can tell."""
    try:
        with store.reading() as session:
            run = open_run(session, project_id)
            return (run.stage, run.progress) if run is not None and run.started_at is not None else None
    except OnetagError:
        return None
