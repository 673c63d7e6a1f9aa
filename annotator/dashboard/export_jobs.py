"""Exports in the making: a few at once, each whole before anybody can fetch it, and kept for a while."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from annotator.errors import OnetagError
from annotator.exchange import ExportChoices, ExportFormat, ExportReport
from annotator.exchange.order import ExportOrder, HowFar, Make

AT_ONCE = 2
"""Exports that are made at the same time: more would slow down the answers to Label Studio."""
KEPT_SECONDS = 3600.0
KEPT = 4
"""Ended exports that are kept, the newest; and each for an hour at most."""
FOLDER = "exports"

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

    def hear(self, far: HowFar) -> None:
        """Note how far it is."""
        self.done, self.images, self.packing = far.done, far.images, far.packing


class ExportJobs:
    """The exports of this process, for all of its threads; below the data folder until they are old."""

    def __init__(self, make: Make, data_dir: Path) -> None:
        self._make_it = make
        self._folder = data_dir / FOLDER
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
            order = ExportOrder(job.project_id, job.request.form, job.request.choices, job.folder)
            made = self._make_it(order, job.hear)
            job.report, job.files = made.report, made.files
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
