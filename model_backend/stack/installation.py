"""Everything that one data folder needs, started in order: Label Studio, project, images, backend, worker.

Each step first looks whether it is done, so a run that was killed anywhere is simply run again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.backend_url import BACKEND_URL, backend_url, exposure
from annotator.commands.options import STUDIO_PORT
from annotator.environment import environment
from annotator.errors import OnetagError
from annotator.exchange.importing import (
    ImportReport,
    LabelFile,
    NewLabels,
    import_labels,
    labels_of,
    project_target,
)
from annotator.labelstudio.replay import replay
from annotator.private import private_folder
from annotator.settings import CREDENTIALS_FILE, Settings, load_credentials, save_credentials
from annotator.store import Image, open_store, upgrade
from model_backend.stack import local_files
from model_backend.stack.folder_changes import FolderChanges
from model_backend.stack.image_folder import Found, look_through
from model_backend.stack.importing import FolderImport, in_words, known_files
from model_backend.stack.joining import join_folder_project, labels_to_keep
from model_backend.stack.label_studio import (
    DATABASE,
    PORT_TIMEOUT,
    LabelStudioProcess,
    studio_credentials,
)
from model_backend.stack.leaving import Confirm, let_leave
from model_backend.stack.liveness import await_health
from model_backend.stack.named_labels import as_they_stand
from model_backend.stack.patience import Bar, Say, patiently
from model_backend.stack.ports import LOOPBACK, require_free_port
from model_backend.stack.process import ChildProcess, onetag, only_one
from model_backend.stack.projects import connect_project, ensure_project, kept_as
from model_backend.stack.secret import with_secret
from model_backend.stack.supervisor import Supervisor
from model_backend.worker.queue import open_job_queue

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio
    from annotator.store import Store

LABEL_STUDIO, RUN, STORE = "label-studio", "run", "onetag.db"
STUDIO_PORT_KEPT = "studio_port"
"""The field of the credentials file with the port that the folder's own Label Studio had last."""
READY_SECONDS = 60.0
FIRST_SECONDS, LATER_SECONDS, BACKEND_SECONDS = 40.0, 6.0, 5.0
"""How long the parts take to start on an ordinary machine: Label Studio at first and later, the backend."""
LAST_FOLDER = "images_folder"
"""The field of the credentials file with the folder of images that was served last."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is to run: the images, the labels (None: those of the project that is there), the address."""

    images: Path
    labels: tuple[str, ...] | None
    title: str
    studio_port: int
    only: frozenset[str] | None = None
    """Names of the images to import; None for all of the folder."""
    confirm: Confirm = lambda _: None
    """Asks whether labels with answers may go; see `let_leave`."""
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
    changes: FolderChanges
    """What happened to the folder since its pictures were imported."""
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
        self._host, self._port = settings.host, settings.port

    def wait_ready(self) -> None:
        """Wait until it answers. Raises OnetagError when it does not, or another program has its port."""
        await_health(self._url, READY_SECONDS, self._may_answer)
        self._may_answer()

    def _may_answer(self) -> bool:
        self.require_own_port(self._host, self._port, "--port")
        return self.alive()


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
    check_plan(data_dir, plan)
    with private_folder(data_dir), only_one(data_dir / RUN, data_dir):
        supervisor = Supervisor(say, lambda _: ask_for_reconcile(settings))
        try:
            yield start(settings, plan, supervisor, say, bar)
        finally:
            supervisor.stop()


def start(settings: Settings, plan: Plan, supervisor: Supervisor, say: Say, bar: Bar) -> Installation:
    """Bring everything up, in order; started parts are the supervisor's even when a later step fails."""
    named = labels_of_file(plan, bar)
    store = migrated_store(settings, say)
    with bar("Looking through the images") as progress:
        found = look(settings, plan, store, progress)
    first = is_first_start(settings.data_dir)
    process, settings = prepared(settings, plan, say)
    say("Starting Label Studio; the first time takes up to a minute ...")
    with patiently("Starting Label Studio", FIRST_SECONDS if first else LATER_SECONDS, say, bar):
        supervisor.add(process)
    studio = process.studio(settings.request_timeout)
    project = ensure_project(
        studio,
        plan.title,
        plan.labels,
        [*labels_to_keep(store, plan.images), *named],
        known_as=lambda number, names: as_they_stand(store, kept_as(store, studio, number), names, say),
        leave=lambda number, gone: let_leave(store, kept_as(store, studio, number), gone, say, plan.confirm),
    )
    say(f"Importing {len(found.files)} images ...")
    with bar("Importing images") as progress:
        importing = FolderImport(studio, store, project, plan.images, found)
        changes = importing.bring_in(progress)
    say(f"Project {project} holds {len(found.files)} images, {len(changes.added)} of them new.")
    for sentence in in_words(changes):
        say(sentence)

    folder = settings.data_dir / RUN
    with patiently("Starting the ML backend", BACKEND_SECONDS, say, bar):
        supervisor.add(MLBackend(folder, settings))
    if join_folder_project(store, studio, project, plan.images):
        say("The labels that were imported without Label Studio are this project's now.")
    with bar("Comparing with Label Studio (%)") as progress:
        project_id = connect_project(
            settings,
            studio,
            project,
            store,
            own=True,
            say=say,
            progress=lambda _stage, share: progress(round(100 * share), 100),
        )
    importing.note(project_id)
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
        changes=changes,
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
    """Read the plan's file of labels into the project, where it has one.

    The project has all of its labels that it is to have by now.
    """
    if plan.labels_from is None:
        return None
    new_labels = NewLabels(skip=True)
    return import_labels(
        store, plan.labels_from, project_target(store, project_id), bar, new_labels=new_labels
    )


def check_plan(data_dir: Path, plan: Plan) -> None:
    """Raise OnetagError for what can be told before anything is made: no folder, no labels, another root."""
    if not plan.images.is_dir():
        raise OnetagError(
            f"{plan.images} is not a folder; nothing was started.", "Give the folder that holds the images."
        )
    files_root(data_dir, plan.images)
    # A database that is there may hold a project without Label Studio, whose labels are taken.
    named = plan.labels is not None or plan.labels_from is not None or (data_dir / STORE).exists()
    if not named and is_first_start(data_dir):
        raise OnetagError(
            "A first start needs the labels; nothing was started.",
            "Give --labels cat,dog,tree or --labels @labels.txt.",
        )


def is_first_start(data_dir: Path) -> bool:
    """Whether the folder's own Label Studio has never been set up."""
    return not (data_dir / LABEL_STUDIO / DATABASE).exists()


def files_root(data_dir: Path, images: Path) -> Path:
    """The document root of Label Studio's local files: what it was set up with, where it was set up."""
    kept = {} if is_first_start(data_dir) else load_credentials(data_dir)
    before, last = kept.get("local_files_root"), kept.get(LAST_FOLDER)
    return local_files.document_root(images, Path(before) if before else None, Path(last) if last else None)


def prepared(settings: Settings, plan: Plan, say: Say) -> tuple[LabelStudioProcess, Settings]:
    """Check what can be checked before anything starts, and settle addresses and credentials."""
    exposed = exposure(settings)
    if exposed is not None:
        say(exposed)
    root = files_root(settings.data_dir, plan.images)
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
        STUDIO_PORT_KEPT: str(process.port),
        "local_files_root": str(root),
        LAST_FOLDER: str(plan.images.resolve()),
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


def port_of_studio(data_dir: Path, given: int | None) -> int:
    """The port for the folder's own Label Studio: the one given, else the one it had last, else 8080."""
    kept = load_credentials(data_dir).get(STUDIO_PORT_KEPT, "")
    return given or (int(kept) if kept.isdigit() else STUDIO_PORT)


def migrated_store(settings: Settings, say: Say = log.info) -> Store:
    """The store with the tables and the rule of this release. Raises OnetagError when it is newer."""
    store = open_store(settings.store_url)
    upgrade(store)
    told: list[int] = []

    def tell(done: int, total: int) -> None:
        if not told:
            say(f"Reading {total} answers anew, by the rule of this release ...")
        told.append(done)

    report = replay(store, progress=tell)
    if report.annotations:
        say(f"{report}.")
    return store


def look(settings: Settings, plan: Plan, store: Store, progress: Callable[[int, int], None]) -> Found:
    """What the folder holds, less what the plan leaves out; what was looked through before is not again."""
    with store.reading() as session:
        images = session.execute(select(Image.uri, Image.digest, Image.unusable)).all()
    return look_through(
        plan.images,
        settings.max_image_bytes,
        settings.max_image_pixels,
        frozenset(known_files(plan.images, (uri for uri, _, _ in images))),
        plan.only,
        progress,
        opened=frozenset(digest for _, digest, unusable in images if digest and unusable is None),
    )


def ask_for_reconcile(settings: Settings) -> None:
    """Let the worker look for what was missed while a part was down."""
    queue = open_job_queue(settings)
    queue.reconcile()
    queue.close()
