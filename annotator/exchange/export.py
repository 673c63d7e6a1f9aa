"""Exporting a project: the whole file or folder, or none of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.exchange.card import Counts, data_card
from annotator.exchange.decisions import Values
from annotator.exchange.pictures import PictureReader, no_pictures
from annotator.exchange.rows import ExportRow, RowChoices, label_vectors_for_export
from annotator.exchange.splits import TRAIN, VALIDATION, Split
from annotator.exchange.table import CARD_FILE, ExportFormat, ExportTable, json_bytes
from annotator.files import atomic_paths
from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.images import image_address
from annotator.labelstudio.reading import project_config
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Project,
    live_labels,
)
from annotator.store.acceptance import LIMIT

REPORT_EVERY = 500  # rows


@dataclass(frozen=True)
class ExportChoices:
    """What to export: a model version by name (None: the active one), which values, and which split.

    acceptance_limit: see `RowChoices`.
    """

    version: str | None = None
    values: Values = Values.PROBABILITIES
    split: Split | None = None
    acceptance_limit: float = LIMIT


@dataclass
class ExportReport:
    """What an export holds; of `images x labels` cells, `present + absent + guessed + unknown`.

    card: where the data card lies, None where it is inside of the file. pictures: how many a format that
    holds pictures took along; without_picture: how many it could not read.
    """

    file: str
    format: str
    project: str
    model_version: str | None
    values: str
    labels: int
    card: str | None = None
    images: int = 0
    present: int = 0
    absent: int = 0
    guessed: int = 0
    unknown: int = 0
    train: int | None = None
    validation: int | None = None
    pictures: int = 0
    without_picture: int = 0


def export_project(
    session: Session,
    project: Project,
    form: ExportFormat,
    output: Path,
    choices: ExportChoices | None = None,
    *,
    read_picture: PictureReader = no_pictures,
    progress: Callable[[int, int], None] | None = None,
) -> ExportReport:
    """Write every live image of a project to `output`, which is replaced once the new one is complete.

    read_picture: for formats that hold pictures. `progress` is told images done and in all. Use a
    `store.reading()` session. Raises OnetagError when there is nothing to export, when the place cannot be
    written, and for a folder that holds anything but an earlier export.
    """
    chosen = choices or ExportChoices()
    total = session.scalar(
        select(func.count()).where(Image.project_id == project.id, Image.removed_at.is_(None))
    )
    labels = tuple(label.name for label in live_labels(session, project.id))
    if not total or not labels:
        lacking = "images" if labels else "labels"
        raise OnetagError(
            f"Project {project.title!r} has no {lacking} yet.", "Add some in Label Studio, then export."
        )
    version = _version(session, project, chosen.version)
    row_choices = RowChoices(version, chosen.values, chosen.split, chosen.acceptance_limit)
    counts = Counts(len(labels))
    rows = label_vectors_for_export(session, project.id, row_choices)
    table = ExportTable(
        project=project.title,
        version=version.name if version else None,
        labels=labels,
        rows=_counted(rows, counts, lambda done: progress(done, total) if progress else None),
        config=_config(project),
        read_picture=lambda uri: read_picture(image_address(uri, project.image_folder)),
        card=lambda: {"format": form.name} | data_card(session, project, row_choices, counts),
    )
    card = _write(table, form, output)
    return _report(table, form, output, chosen, counts, card)


def _config(project: Project) -> LabelConfig | None:
    """How the project's label config is read; None without Label Studio, or where it cannot be read."""
    try:
        return project_config(project) if project.label_config else None
    except OnetagError:
        return None


def _report(
    table: ExportTable,
    form: ExportFormat,
    output: Path,
    choices: ExportChoices,
    counts: Counts,
    card: Path | None,
) -> ExportReport:
    return ExportReport(
        file=str(output),
        format=form.name,
        project=table.project,
        model_version=table.version,
        values=choices.values.value,
        labels=len(table.labels),
        card=str(card) if card else None,
        images=counts.images,
        present=int(counts.present.sum()),
        absent=int(counts.absent.sum()),
        guessed=int(counts.estimated.sum()),
        unknown=int(counts.unknown.sum()),
        train=counts.splits[TRAIN] if choices.split else None,
        validation=counts.splits[VALIDATION] if choices.split else None,
        pictures=table.pictures.taken,
        without_picture=table.pictures.lacking,
    )


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
    rows: Iterator[ExportRow], counts: Counts, progress: Callable[[int], None]
) -> Iterator[ExportRow]:
    passed: list[ExportRow] = []
    for row in rows:
        yield row
        passed.append(row)
        if len(passed) == REPORT_EVERY:
            counts.add(passed)
            passed.clear()
            progress(counts.images)
    if passed:
        counts.add(passed)
    progress(counts.images)


def _write(table: ExportTable, form: ExportFormat, output: Path) -> Path | None:
    """Write file or folder with its card; returns where the card lies, None where it is in the file."""
    if form.folder:
        _require_replaceable(output)
        with _whole(output) as (draft,):
            draft.mkdir()
            form.write(table, draft)
            files = sorted([CARD_FILE, *_names(draft)])
            (draft / CARD_FILE).write_bytes(json_bytes(table.card() | {"files": files}, indent=1) + b"\n")
        return output / CARD_FILE
    if output.is_dir():
        raise OnetagError(f"{output} is a folder.", "Name a file in it with --output.")
    if form.card_inside:
        with _whole(output) as (draft,):
            form.write(table, draft)
        return None
    beside = output.with_name(f"{output.name}.{CARD_FILE}")
    with _whole(output, beside) as (draft, card):
        form.write(table, draft)
        card.write_bytes(json_bytes(table.card(), indent=1) + b"\n")
    return beside


def _require_replaceable(output: Path) -> None:
    """Raises OnetagError for a file, and for a folder with anything in it that no export put there."""
    if not output.exists():
        return
    if not output.is_dir() or output.is_symlink():
        raise OnetagError(f"{output} is there, and it is no folder.", "Name a new folder with --output.")
    there: set[str] = set()
    try:
        there = _names(output)
        card = json.loads((output / CARD_FILE).read_bytes()) if CARD_FILE in there else {}
        ours = set(card.get("files", ()))
    except (OSError, ValueError, AttributeError, TypeError):
        ours = set()
    foreign = sorted(there - ours)
    if foreign:
        raise OnetagError(
            f"{output} holds {foreign[0]!r}, which no export has written.",
            "Name a new or empty folder with --output.",
        )


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@contextmanager
def _whole(output: Path, *others: Path) -> Iterator[tuple[Path, ...]]:
    """Drafts that take their places at the end; nothing is left of them after an error."""
    try:
        with atomic_paths(output, *others) as drafts:
            yield drafts
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise OnetagError(
            f"{output} cannot be written ({reason}).", "Choose another --output or free some space."
        ) from None
