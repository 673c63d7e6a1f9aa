"""`onetag export`: every image with what people said and what the model thinks, as a file or a folder."""

from __future__ import annotations

import json as codec
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
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
from annotator.flags import Panel
from annotator.settings import Settings
from annotator.store import open_current

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        envvar="ONETAG_FORMAT",
        help=f"One of {', '.join(EXPORTS)}; see docs/exports.md.",
        show_default="the suffix of the output, else csv",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        envvar="ONETAG_OUTPUT",
        help="File, or folder for formats that are one, to write.",
        show_default="labels.SUFFIX or labels-FORMAT",
    ),
]
Version = Annotated[
    str | None,
    typer.Option(
        "--model-version",
        envvar="ONETAG_MODEL_VERSION",
        help="Model version whose estimates to take.",
        show_default="the active one",
    ),
]
WhichValues = Annotated[
    Values,
    typer.Option(
        "--values",
        envvar="ONETAG_VALUES",
        help="A label's value: its probability; hard, 0 or 1 where it is decided; or human, what people said "
        "alone. Unknown is left empty.",
    ),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--split",
        envvar="ONETAG_SPLIT",
        min=0,
        max=1,
        help="Share of the images for training; the others are for validation. Drawn by --seed.",
        show_default="no split",
    ),
]


@with_settings(Panel.STORE, "local_files_root", "max_image_bytes", "seed", "acceptance_limit")
def export(  # noqa: PLR0917 (each is an option)
    settings: Settings,
    project: Project = None,
    form: Format = None,
    output: Output = None,
    version: Version = None,
    values: WhichValues = Values.PROBABILITIES,
    split: Share = None,
    *,
    json: Json = False,
) -> None:
    """Write every image with a value, a decision and a mask for each label.

    The mask tells a person's word from an estimate. Unknown stays empty, and is never counted as absent. An
    existing file, or folder of an earlier export, is replaced once the new one is complete.
    """
    chosen = choose_format(form, output)
    drawn = None if split is None else Split(split, settings.seed)
    choices = ExportChoices(version, values, drawn, settings.acceptance_limit)
    store = open_current(settings)
    try:
        with store.reading() as session, _bar() as progress:
            report = export_project(
                session,
                chosen_project(session, project),
                chosen,
                output or Path(chosen.default_output),
                choices,
                read_picture=pictures_without_network(settings),
                progress=progress,
            )
    finally:
        store.close()
    typer.echo(codec.dumps(asdict(report), indent=2, ensure_ascii=False) if json else sentence(report))


def choose_format(name: str | None, output: Path | None) -> ExportFormat:
    """The format of that name, or of the output's suffix. Raises OnetagError naming those that there are."""
    wanted = name or (output.suffix[1:].lower() if output and output.suffix else "csv")
    if wanted == "json" and name is None:
        raise OnetagError(
            "Several formats are written as .json.", "Choose one with --format: coco or labelstudio."
        )
    if wanted not in EXPORTS:
        raise OnetagError(
            f"There is no export format {wanted!r}.", f"Choose one with --format: {', '.join(EXPORTS)}."
        )
    return EXPORTS[wanted]


def sentence(report: ExportReport) -> str:
    """What an export holds, for people."""
    parts = [
        f"{report.file}: {report.images:,} images x {report.labels:,} labels, model version "
        f"{report.model_version or 'none yet'}. Said by people: {report.present:,} present, "
        f"{report.absent:,} absent; guessed: {report.guessed:,}; unknown: {report.unknown:,}."
    ]
    if report.train is not None:
        parts.append(f"Training: {report.train:,} images, validation: {report.validation:,}.")
    if report.pictures or report.without_picture:
        parts.append(f"Pictures: {report.pictures:,}, not readable from here: {report.without_picture:,}.")
    if report.card:
        parts.append(f"Data card: {report.card}.")
    return " ".join(parts)


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the terminal; standard output stays free for the report."""
    console = Console(stderr=True)
    columns = TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("export", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
