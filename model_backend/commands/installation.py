"""Everything that one data folder needs, started in order: Label Studio, project, images, backend, worker.

Each step first looks whether it is done, so a run that was killed anywhere is simply run again.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.errors import OnetagError
from annotator.settings import Settings, save_credentials
from model_backend.commands import media
from model_backend.commands.children import Child, onetag, only_one, require_free_port
from model_backend.commands.environment import environment
from model_backend.commands.folder import Found, look_through
from model_backend.commands.secret import with_secret
from model_backend.commands.supervisor import Supervisor

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.store import Store

MEDIA = "media"
RUN = "run"
READY_SECONDS = 60.0


@dataclass(frozen=True)
class Plan:
    """What is to run: the images, the labels (None: those of the project that is there), the address."""

    images: Path
    labels: tuple[str, ...] | None
    title: str
    studio_port: int
    only: frozenset[str] | None = None
    """Names of the images to import; None for all of the folder."""


@dataclass(frozen=True)
class Running:
    """What runs, once everything is up."""

    settings: Settings
    studio: Studio
    store: Store
    project: int
    """The project's number in Label Studio."""
    project_id: int
    """The project's id in the store."""
    login: dict[str, str]
    found: Found
    supervisor: Supervisor


Say = Callable[[str], None]
Bar = Callable[[str], Any]
"""Opens a progress bar with a title: a context manager that yields a function of (done, total)."""


@contextmanager
def running(settings: Settings, plan: Plan, say: Say, bar: Bar) -> Iterator[Running]:
    """Everything up and watched; stopped in reverse order at the end, however that comes.

    Raises OnetagError with what to do: a folder without pictures, a port in use, another `onetag up`.
    """
    data_dir = settings.data_dir
    with only_one(data_dir / RUN / "lock", data_dir):
        supervisor = Supervisor(say)
        try:
            yield _start(settings, plan, supervisor, say, bar)
        finally:
            supervisor.stop()


def _start(settings: Settings, plan: Plan, supervisor: Supervisor, say: Say, bar: Bar) -> Running:
    settings = with_secret(settings)
    folder = settings.data_dir / RUN
    backend = Child("ML backend", "serve", folder)
    worker = Child("Worker", "worker", folder)
    label_studio = LabelStudioPart(settings.data_dir, plan.studio_port)
    for part in (worker, backend, label_studio):
        if part.end_leftover():
            say(f"Ended the {part.name} that an earlier run left behind.")
    require_free_port("127.0.0.1", plan.studio_port, "--studio-port")
    require_free_port(settings.host, settings.port, "--port")
    store = migrated_store(settings)
    with bar("Looking through the images") as progress:
        found = look_through(
            plan.images, settings.max_image_bytes, settings.max_image_pixels, progress=progress
        )

    say("Starting Label Studio (the first start takes up to a minute) ...")
    supervisor.add(label_studio)
    settings = connected(settings, label_studio)
    studio = Studio(label_studio.url, label_studio.token, timeout=settings.request_timeout)
    project = ensure_project(studio, plan.title, plan.labels)
    import_images(studio, project, plan, found, bar)

    variables = environment(settings)
    supervisor.add(Child("ML backend", onetag("serve"), folder, variables))
