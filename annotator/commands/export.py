"""`onetag export`: every image with what people said and what the model thinks, as a file."""

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
from annotator.exchange import EXPORTS, ExportFormat, ExportReport, export_project
from annotator.flags import Panel
from annotator.settings import Settings
from annotator.store import open_current

Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        envvar="ONETAG_FORMAT",
        help="csv, jsonl or parquet.",
        show_default="the suffix of the output, else csv",
    ),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        envvar="ONETAG_OUTPUT",
        help="File to write.",
        show_default="labels.FORMAT",
    ),
]
Version = Annotated[
    str | None,
    typer.Option(
        "--model-version",
        envvar="ONETAG_MODEL_VERSION",
        help="Model version whose guesses to take.",
        show_default="the active one",
    ),
]


@with_settings(Panel.STORE)
def export(
    settings: Settings,
    project: Project = None,
    form: Format = None,
    output: Output = None,
    version: Version = None,
    *,
    json: Json = False,
) -> None:
    """Write one row an image: its observed labels and the probability of every label.

    A person's values are 0 or 1 and named as human; unknown stays empty. An existing file is replaced
    once the new one is complete.
    """
    chosen = choose_format(form, output)
    store = open_current(settings)
    try:
        with store.reading() as session, _bar() as progress:
            report = export_project(
                session,
                chosen_project(session, project),
                chosen,
                output or Path(f"labels.{chosen.name}"),
                version=version,
                progress=progress,
            )
    finally:
        store.close()
    typer.echo(codec.dumps(asdict(report), indent=2, ensure_ascii=False) if json else sentence(report))


def choose_format(name: str | None, output: Path | None) -> ExportFormat:
    """The format of that name, or of the output's suffix. Raises OnetagError naming those that there are."""
    wanted = name or (output.suffix[1:].lower() if output and output.suffix else "csv")
    if wanted not in EXPORTS:
        raise OnetagError(
            f"There is no export format {wanted!r}.", f"Choose one with --format: {', '.join(EXPORTS)}."
        )
    return EXPORTS[wanted]


def sentence(report: ExportReport) -> str:
    """What an export holds, for people."""
    return (
        f"{report.file}: {report.images:,} images x {report.labels:,} labels, model version "
        f"{report.model_version or 'none yet'}. Said by people: {report.present:,} present, "
        f"{report.absent:,} absent; guessed: {report.guessed:,}; unknown: {report.unknown:,}."
    )


@contextmanager
def _bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the terminal; standard output stays free for the report."""
    console = Console(stderr=True)
    columns = TextColumn("Exporting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("export", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
