"""Exports in the making: a few at once, each whole before anybody can fetch it, and kept for a while."""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import threading
import time
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.errors import OnetagError
from annotator.exchange import ExportChoices, ExportFormat, ExportReport, export_project
from annotator.exchange.pictures import pictures_without_network
from annotator.store import Project

if TYPE_CHECKING:
    from annotator.settings import Settings
    from annotator.store import Store

AT_ONCE = 2
"""Exports that are made at the same time: more would slow down the answers to Label Studio."""
KEPT_SECONDS = 3600.0
KEPT = 4
"""Ended exports that are kept, the newest; and each for an hour at most."""
FOLDER = "exports"
NAME = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 40
PACKED = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".parquet"})
"""Suffixes of files that do not get smaller."""

log = logging.getLogger(__name__)


class ExportsBusy(Exception):  # noqa: N818 (no error: ask again)
    """As many exports are being made as may."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export: a format, and the choices of `onetag export`."""

    form: ExportFormat
    choices: ExportChoices


@dataclass(eq=False)
class ExportJob:
    """One export. done, images: how many are written, of how many; packing: they are put into one file.

    files, sizes: what there is to fetch when it has ended well, the export first, and its bytes. error: why
    there is nothing.
    """

    id: str
    project_id: int
    request: ExportRequest
    folder: Path
    done: int = 0
    images: int = 0
    packing: bool = False
    report: ExportReport | None = None
    files: list[Path] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    error: str | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    ended_at: float = 0.0

    @property
    def share(self) -> float:
        """How much of it is done, 0..1."""
        return self.done / self.images if self.images else 0.0

    def progress(self, done: int, images: int) -> None:
        """Note how far it is."""
        self.done, self.images = done, images


class ExportJobs:
    """The exports of this process, for all of its threads; below the data folder until they are old."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._folder = settings.data_dir / FOLDER
        self._jobs: dict[str, ExportJob] = {}
        self._lock = threading.Lock()

    def start(self, project_id: int, request: ExportRequest) -> ExportJob:
        """Begin an export, or join the same one that is being made. Raises ExportsBusy."""
        with self._lock:
            self._tidy()
            running = [job for job in self._jobs.values() if not job.ended.is_set()]
            for job in running:
                if (job.project_id, job.request) == (project_id, request):
                    return job
            if len(running) >= AT_ONCE:
                raise ExportsBusy
            name = secrets.token_urlsafe(12)
            job = ExportJob(name, project_id, request, self._folder / name)
            self._jobs[name] = job
        threading.Thread(target=self._make, args=(job,), name=f"export {name}", daemon=True).start()
        return job

    def find(self, project_id: int, name: str) -> ExportJob | None:
        """An export of a project that is being made or kept."""
        with self._lock:
            self._tidy()
            job = self._jobs.get(name)
        return job if job is not None and job.project_id == project_id else None

    def _make(self, job: ExportJob) -> None:
        try:
            job.folder.mkdir(parents=True, mode=0o700)
            job.report, job.files = self._write(job)
            job.sizes = [file.stat().st_size for file in job.files]
        except OnetagError as error:
            job.error = str(error).replace(f"{job.folder}/", "")
        except Exception:
            log.exception("An export failed.")
            job.error = "Something went wrong; the server's log says what."
        finally:
            if job.error is not None:
                shutil.rmtree(job.folder, ignore_errors=True)
            job.ended_at = time.monotonic()
            job.ended.set()

    def _write(self, job: ExportJob) -> tuple[ExportReport, list[Path]]:
        """The export with its card beside it, or as one file where it is a folder."""
        form = job.request.form
        with self._store.reading() as session:
            project = session.get_one(Project, job.project_id)
            output = job.folder / f"{file_name(project)}-{form.default_output}"
            report = export_project(
                session,
                project,
                form,
                output,
                job.request.choices,
                read_picture=pictures_without_network(self._settings),
                progress=job.progress,
            )
        if form.folder:
            job.packing = True
            return report, [packed(output)]
        return report, [output, *([Path(report.card)] if report.card else [])]

    def _tidy(self) -> None:
        """Let go of what is old, also of what an earlier process left."""
        ended = [job for job in self._jobs.values() if job.ended.is_set()]
        newest = sorted(ended, key=lambda job: -job.ended_at)
        for place, job in enumerate(newest):
            if place >= KEPT or time.monotonic() - job.ended_at > KEPT_SECONDS:
                del self._jobs[job.id]
                shutil.rmtree(job.folder, ignore_errors=True)
        for folder in self._folder.iterdir() if self._folder.is_dir() else ():
            if folder.name not in self._jobs and time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)


def file_name(project: Project) -> str:
    """A name for files of a project that every system takes.

    >>> file_name(Project(id=7, title="Cats / dogs: ../../2026"))
    'cats-dogs-2026'
    >>> file_name(Project(id=7, title="日本"))
    'p7'
    """
    return NAME.sub("-", project.title.lower()).strip("-")[:LONGEST_NAME].strip("-") or project.key


def packed(folder: Path) -> Path:
    """The folder as one zip file, which takes its place. Raises OnetagError when the disk is full."""
    file = folder.with_name(f"{folder.name}.zip")
    try:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    kind = zipfile.ZIP_STORED if path.suffix in PACKED else zipfile.ZIP_DEFLATED
                    archive.write(path, Path(folder.name) / path.relative_to(folder), kind)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OnetagError(f"{file.name} cannot be written ({reason}).", "Free some space.") from error
    shutil.rmtree(folder, ignore_errors=True)
    return file
