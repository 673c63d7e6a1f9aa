"""Exporting a project: the whole file or none of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.exchange.rows import ExportRow, label_vectors_for_export
from annotator.exchange.table import ExportFormat, ExportTable
from annotator.files import atomic_file
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Project,
    live_labels,
)

REPORT_EVERY = 500  # rows


@dataclass
class ExportReport:
    """What an export holds; of `images x labels` cells, `present + absent + guessed + unknown`."""

    file: str
    format: str
    project: str
    model_version: str | None
    labels: int
    images: int = 0
    present: int = 0
    absent: int = 0
    guessed: int = 0
    unknown: int = 0


def export_project(
    session: Session,
    project: Project,
    form: ExportFormat,
    output: Path,
    *,
    version: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write every live image of a project to `output`, which is replaced once the new file is complete.

    `version` names a model version; None is the active one, or observations alone when there is none yet.
    `progress` is told images done and in all. Use a `store.reading()` session.
    Raises OnetagError when there is nothing to export or the file cannot be written.
    """
    total = session.scalar(
        select(func.count()).where(Image.project_id == project.id, Image.removed_at.is_(None))
    )
    labels = tuple(label.name for label in live_labels(session, project.id))
    if not total or not labels:
        lacking = "images" if labels else "labels"
        raise OnetagError(
            f"Project {project.title!r} has no {lacking} yet.", "Add some in Label Studio, then export."
        )
    chosen = _version(session, project, version)
    report = ExportReport(str(output), form.name, project.title, chosen.name if chosen else None, len(labels))
    rows = label_vectors_for_export(session, project.id, chosen)
    counted = _counted(rows, report, lambda done: progress(done, total) if progress else None)
    with _whole_file(output) as stream:
        form.write(ExportTable(project.title, report.model_version, labels, counted), stream)
    return report


def _version(session: Session, project: Project, name: str | None) -> ModelVersion | None:
    if name is None:
        return session.get(ModelVersion, project.active_version_id) if project.active_version_id else None
    of_project = select(ModelVersion).where(ModelVersion.project_id == project.id)
    version = session.scalars(of_project.where(ModelVersion.name == name)).first()
    if version is None:
        newest = [each.name for each in session.scalars(of_project.order_by(ModelVersion.id.desc()).limit(5))]
        raise OnetagError(
            f"There is no model version {name!r}.", f"The newest are: {', '.join(newest) or 'none yet'}."
        )
    if (
        session.scalars(
            select(LabelVector.image_id).where(LabelVector.version_id == version.id).limit(1)
        ).first()
        is None
    ):
        raise OnetagError(
            f"The vectors of model version {name!r} are not kept any more.", "Export without --model-version."
        )
    return version


def _counted(
    rows: Iterator[ExportRow], report: ExportReport, progress: Callable[[int], None]
) -> Iterator[ExportRow]:
    for row in rows:
        yield row
        filled = int((row.probabilities == row.probabilities).sum())  # NaN differs from itself
        report.images += 1
        report.present += len(row.positives)
        report.absent += len(row.negatives)
        report.guessed += filled - len(row.positives) - len(row.negatives)
        report.unknown += report.labels - filled
        if report.images % REPORT_EVERY == 0:
            progress(report.images)
    progress(report.images)


@contextmanager
def _whole_file(output: Path) -> Iterator[BinaryIO]:
    """A file beside `output` that takes its place at the end; nothing is left of it after an error."""
    if output.is_dir():
        raise OnetagError(f"{output} is a folder.", "Name a file in it with --output.")
    try:
        with atomic_file(output) as stream:
            yield stream
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OnetagError(
            f"{output} cannot be written ({reason}).", "Choose another --output or free some space."
        ) from None
