"""Everything that one data folder needs, started in order: Label Studio, project, images, backend, worker.

Each step first looks whether it is done, so a run that was killed anywhere is simply run again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.exchange.importing import (
    ImportReport,
    LabelFile,
    NewLabels,
    import_labels,
    labels_of,
    project_target,
)
from annotator.settings import CREDENTIALS_FILE, Settings, load_credentials, save_credentials
from annotator.store import Image, open_store, upgrade
from model_backend.stack import local_files
from model_backend.stack.addresses import BACKEND_URL, backend_url
from model_backend.stack.environment import environment
from model_backend.stack.image_folder import Found, look_through
from model_backend.stack.importing import import_images, known_files
from model_backend.stack.joining import join_folder_project, labels_to_keep
from model_backend.stack.label_studio import PORT_TIMEOUT, LabelStudioProcess, studio_credentials
from model_backend.stack.liveness import await_health
from model_backend.stack.ports import LOOPBACK, require_free_port
from model_backend.stack.process import ChildProcess, onetag, only_one
from model_backend.stack.projects import connect_project, ensure_project
from model_backend.stack.secret import with_secret
from model_backend.stack.supervisor import Supervisor
from model_backend.worker.queue import open_job_queue

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.store import Store

LABEL_STUDIO, RUN = "label-studio", "run"
READY_SECONDS = 60.0

Say = Callable[[str], None]
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]
"""Opens a progress bar with a title; it yields a function of (done, total)."""


@dataclass(frozen=True)
class Plan:
    """What is to run: the images, the labels (None: those of the project that is there), the address."""

    images: Path
    labels: tuple[str, ...] | None
    title: str
    studio_port: int
    only: frozenset[str] | None = None
    """Names of the images to import; None for all of the folder."""
    labels_from: LabelFile | None = None
    """A file of labels to import, whose labels become the project's."""
    add_labels: bool = False
    """Where `labels` are given: whether those of the file are added to them."""
    skip_labels: bool = False
    """Whether labels of the file that the project lacks are left out."""


@dataclass(frozen=True)
class Installation:
    """What runs, once everything is up."""

    settings: Settings
    studio: Studio
    store: Store
    project: int
    """The project's number in Label Studio."""
    project_id: int
    """The project's id in the store."""
    folder: Path
    """The folder of images."""
    email: str
    found: Found
    new: int
    """Images that were not there before."""
    supervisor: Supervisor
    imported: ImportReport | None = None
    """What came of the file of labels."""

    @property
    def address(self) -> str:
        """Where the annotator goes."""
        return f"{self.studio.url}/projects/{self.project}/data"

    @property
    def credentials_file(self) -> Path:
        """Where the password is; readable by its owner alone."""
        return self.settings.data_dir / CREDENTIALS_FILE

    def file_of(self, address: str) -> str:
        """The file, relative to the folder, that a task's image address means."""
        return local_files.file_of(self.folder.resolve().name, address) or ""


class MLBackend(ChildProcess):
    """The ML backend. It is ready once it answers: only then can what it missed be looked for."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__("ML backend", onetag("serve"), folder, environment(settings))
        self._url = backend_url(settings)

    def wait_ready(self) -> None:
        """Wait until it answers. Raises OnetagError when it does not."""
        await_health(self._url, READY_SECONDS, self.alive)


class Worker(ChildProcess):
    """The background worker."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__("worker", onetag("worker"), folder, environment(settings))


@contextmanager
def running(settings: Settings, plan: Plan, say: Say, bar: Bar) -> Iterator[Installation]:
    """Everything up and watched; stopped in reverse order at the end, however that comes.

    Raises OnetagError with what to do: a folder without pictures, a port in use, another `onetag up`.
    """
    data_dir = settings.data_dir
    with only_one(data_dir / RUN, data_dir):
        supervisor = Supervisor(say, lambda _: ask_for_reconcile(settings))
        try:
            yield start(settings, plan, supervisor, say, bar)
        finally:
            supervisor.stop()


def start(settings: Settings, plan: Plan, supervisor: Supervisor, say: Say, bar: Bar) -> Installation:
    """Bring everything up, in order; started parts are the supervisor's even when a later step fails."""
    named = labels_of_file(plan, bar)
    process, settings = prepared(settings, plan, say)
    store = migrated_store(settings)
    with bar("Looking through the images") as progress:
        found = look(settings, plan, known(store, plan.images), progress)
    say("Starting Label Studio; the first time takes up to a minute ...")
    supervisor.add(process)
    studio = process.studio(settings.request_timeout)
    project = ensure_project(studio, plan.title, plan.labels, [*labels_to_keep(store, plan.images), *named])
    say(f"Importing {len(found.files)} images ...")
    with bar("Importing images") as progress:
        new = import_images(studio, project, plan.images, found.files, progress)
    say(f"Project {project} holds {len(found.files)} images, {new} of them new.")

    folder = settings.data_dir / RUN
    supervisor.add(MLBackend(folder, settings))
    if join_folder_project(store, studio, project, plan.images):
        say("The labels that were imported without Label Studio are this project's now.")
    project_id = connect_project(settings, studio, project, store)
    imported = import_file(store, plan, project_id, bar)
    supervisor.add(Worker(folder, settings))
    supervisor.watch()
    return Installation(
        settings=settings,
        studio=studio,
        store=store,
        project=project,
        project_id=project_id,
        folder=plan.images,
        email=process.credentials.email,
        found=found,
        new=new,
        supervisor=supervisor,
        imported=imported,
    )


def labels_of_file(plan: Plan, bar: Bar) -> list[str]:
    """The labels that the project is to have because the plan's file names them.

    Raises OnetagError for a broken file, and where the plan gives other labels and does not say what to do.
    """
    if plan.labels_from is None or plan.skip_labels:
        return []
    named = labels_of(plan.labels_from, bar)
    lacking = [name for name in named if plan.labels is not None and name not in plan.labels]
    if lacking and not plan.add_labels:
        raise OnetagError(
            f"{plan.labels_from.path} has labels that --labels lacks: {', '.join(lacking[:50])}.",
            "Add them with --add-labels, leave them out with --skip-labels, or give no --labels.",
        )
    return named


def import_file(store: Store, plan: Plan, project_id: int, bar: Bar) -> ImportReport | None:
    """Read the plan's file of labels into the project, where it has one."""
    if plan.labels_from is None:
        return None
    new_labels = NewLabels(skip=plan.skip_labels)
    return import_labels(
        store, plan.labels_from, project_target(store, project_id), bar, new_labels=new_labels
    )


def prepared(settings: Settings, plan: Plan, say: Say) -> tuple[LabelStudioProcess, Settings]:
    """Check what can be checked before anything starts, and settle addresses and credentials."""
    kept = load_credentials(settings.data_dir).get("local_files_root")
    root = local_files.document_root(plan.images, Path(kept) if kept else None)
    credentials = studio_credentials(settings.data_dir)
    process = LabelStudioProcess(
        settings.data_dir / LABEL_STUDIO, plan.studio_port, credentials, files_root=root
    )
    folder = settings.data_dir / RUN
    for part in (Worker(folder, settings), MLBackend(folder, settings), process):
        if part.end_leftover():
            say(f"Ended the {part.name} that an earlier run left behind.")
    require_free_port(settings.host, settings.port, "--port", PORT_TIMEOUT)
    require_free_port(LOOPBACK, process.port, "--studio-port", PORT_TIMEOUT)
    here = {
        "label_studio_url": process.url,
        "local_files_root": str(root),
        BACKEND_URL: backend_url(settings),
    }
    save_credentials(settings.data_dir, **here)
    changes = {
        "label_studio_url": process.url,
        "label_studio_token": credentials.token,
        "local_files_root": root,
        "data_dir": settings.data_dir.resolve(),
    }
    return process, with_secret(settings).model_copy(update=changes)


def migrated_store(settings: Settings) -> Store:
    """The store with the tables of this release. Raises OnetagError when it is newer than the code."""
    store = open_store(settings.store_url)
    upgrade(store)
    return store


def known(store: Store, folder: Path) -> frozenset[str]:
    """Files of the folder that an earlier start imported, and so looked through."""
    with store.reading() as session:
        return frozenset(known_files(folder, session.scalars(select(Image.uri))))


def look(
    settings: Settings, plan: Plan, known: frozenset[str], progress: Callable[[int, int], None]
) -> Found:
    """What the folder holds, less what the plan leaves out."""
    return look_through(
        plan.images, settings.max_image_bytes, settings.max_image_pixels, known, plan.only, progress
    )


def ask_for_reconcile(settings: Settings) -> None:
    """Let the worker look for what was missed while a part was down."""
    queue = open_job_queue(settings)
    queue.reconcile()
    queue.close()
