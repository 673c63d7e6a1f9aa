"""`onetag health`: whether one part runs, for what restarts it; quick, and asks nothing of others."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from annotator.backend_url import backend_url
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.settings import Settings
from model_backend.stack.liveness import SILENT_AFTER, ask, this_machine, worker_silence


class Part(StrEnum):
    """What runs for long."""

    SERVE = "serve"
    WORKER = "worker"


Which = Annotated[Part, typer.Argument(envvar="ONETAG_PART", help="serve or worker.", show_default=False)]


@with_settings("data_dir", "host", "port")
def health(settings: Settings, part: Which) -> None:
    """Say whether the ML backend, or the worker of this machine, is alive; exit code 1 when it is not."""
    typer.echo(backend_alive(settings) if part is Part.SERVE else worker_alive(settings))


def backend_alive(settings: Settings) -> str:
    """Where the ML backend answers. Raises OnetagError when it does not."""
    url = backend_url(settings)
    if ask(f"{url}/health") != 200:
        raise OnetagError(f"Nothing answers at {url}.", "Start `onetag serve`; its log says why it stopped.")
    return f"The ML backend answers at {url}."


def worker_alive(settings: Settings) -> str:
    """How long ago a worker of this machine gave a sign of life. Raises OnetagError when it is too long."""
    silent = worker_silence(settings.data_dir, this_machine())
    if silent is None or silent > SILENT_AFTER:
        told = (
            "No worker of this machine runs" if silent is None else f"The worker is silent for {silent:.0f} s"
        )
        raise OnetagError(f"{told}.", "Start `onetag worker`; its log says why it stopped.")
    return f"The worker gave a sign of life {silent:.0f} s ago."
