"""An export that one asks for and another makes: what to write and where, how far it is, what came of it."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from annotator.errors import OnetagError
from annotator.exchange import (
    EXPORTS,
    ExportChoices,
    ExportFormat,
    ExportReport,
    Split,
    Values,
    export_project,
)
from annotator.exchange.pictures import pictures_without_network
from annotator.settings import Settings
from annotator.store import Project, Store

NAME = re.compile(r"[^a-z0-9]+")
LONGEST_NAME = 40
PACKED = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".parquet"})
"""Suffixes of files that do not get smaller."""


@dataclass(frozen=True)
class ExportOrder:
    """What to export: a project, a format, and the choices of `onetag export`; and the folder for it."""

    project_id: int
    form: ExportFormat
    choices: ExportChoices
    folder: Path

    def plain(self) -> dict[str, Any]:
        """The order as JSON can hold it."""
        return {
            "project_id": self.project_id,
            "form": self.form.name,
            "choices": asdict(self.choices),
            "folder": str(self.folder),
        }

    @classmethod
    def of_plain(cls, plain: dict[str, Any]) -> Self:
        """The order that `plain` told."""
        choices = dict(plain["choices"])
        choices["values"] = Values(choices["values"])
        choices["split"] = Split(**choices["split"]) if choices["split"] else None
        folder = Path(plain["folder"])
        return cls(plain["project_id"], EXPORTS[plain["form"]], ExportChoices(**choices), folder)


@dataclass(frozen=True)
class HowFar:
    """How far an export is: images that are written, of how many; packing: they are put into one file."""

    done: int
    images: int
    packing: bool = False


@dataclass(frozen=True)
class Made:
    """What came of an order: its report, and what there is to fetch, the export first."""

    report: ExportReport
    files: list[Path]


Tell = Callable[[HowFar], None]
Make = Callable[[ExportOrder, Tell], Made]
"""Makes an export, and tells how far it is. Raises OnetagError where there can be none."""


def make_here(store: Store, settings: Settings, order: ExportOrder, tell: Tell) -> Made:
    """Make the export with its card beside it, or as one file where it is a folder."""
    form = order.form
    with store.reading() as session:
        project = session.get_one(Project, order.project_id)
        output = order.folder / f"{file_name(project)}-{form.default_output}"
        report = export_project(
            session,
            project,
            form,
            output,
            order.choices,
            read_picture=pictures_without_network(settings),
            progress=lambda done, images: tell(HowFar(done, images)),
        )
    if not form.folder:
        return Made(report, [output, *([Path(report.card)] if report.card else [])])
    tell(HowFar(report.images, report.images, packing=True))
    return Made(report, [packed(output)])


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
