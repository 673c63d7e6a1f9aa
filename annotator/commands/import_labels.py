"""`onetag import`: labels that exist already, from a file, into a project with or without Label Studio."""

from __future__ import annotations

import json as codec
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from annotator.commands.label_files import LabelFileOptions, bar, with_label_file
from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.exchange.importing import (
    ImportReport,
    NewLabels,
    Target,
    folder_target,
    import_labels,
    project_target,
)
from annotator.exchange.importing.pictures import check_folder
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.label_sets import add_labels_in_studio
from annotator.settings import Settings
from annotator.store import Store, check, open_current, open_store, upgrade

SHOWN = 5  # names of each kind, for people

File = Annotated[
    Path,
    typer.Argument(
        envvar="ONETAG_LABEL_FILE", help="File or folder that holds the labels.", show_default=False
    ),
]
Images = Annotated[
    Path | None,
    typer.Option(
        "--images",
        envvar="ONETAG_IMAGES",
        help="Folder with the images: makes a project without Label Studio, or goes on with it.",
        show_default="those of the project",
    ),
]
Title = Annotated[
    str | None,
    typer.Option(
        "--title", envvar="ONETAG_TITLE", help="Name of a new project.", show_default="the folder's name"
    ),
]
DryRun = Annotated[
    bool,
    typer.Option("--dry-run", envvar="ONETAG_DRY_RUN", help="Say what would be imported, and write nothing."),
]


@with_settings(Panel.STORE, Panel.STUDIO)
@with_label_file
def import_command(
    settings: Settings,
    labels: LabelFileOptions,
    file: File,
    images: Images = None,
    project: Project = None,
    title: Title = None,
    *,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Read labels from CSV, COCO, Pascal VOC, ImageFolder, Label Studio, Hugging Face, Open Images or .npy.

    What a file says is kept as imported, beside what people say in Label Studio and never over it. The same
    file again adds nothing; a changed one replaces what it said before. With `--images` no Label Studio is
    needed: `train` and `export` go on from there.
    """
    if images is not None and project is not None:
        raise OnetagError("--images and --project both name a project.", "Give one of them.")
    label_file = labels.file(file)
    with _opened(settings, images, dry_run=dry_run) as store:
        new_labels = NewLabels(
            add=labels.add_labels,
            skip=labels.skip_labels,
            ask=_ask if on_a_terminal() and not json else None,
            in_studio=lambda found, names: add_labels_in_studio(store, open_studio(settings), found, names),
        )
        target = _target(store, images, project, title)
        report = import_labels(store, label_file, target, bar, new_labels=new_labels, dry_run=dry_run)
    typer.echo(codec.dumps(asdict(report), indent=2, ensure_ascii=False) if json else told(report))


def on_a_terminal() -> bool:
    """Whether somebody is there to be asked."""
    return sys.stdin.isatty()


def told(report: ImportReport) -> str:
    """What an import found and did, for people."""
    return "\n".join([*_images(report), *_labels(report), *_observations(report), *_next(report)])


@contextmanager
def _opened(settings: Settings, images: Path | None, *, dry_run: bool) -> Iterator[Store]:
    """The store; made where a folder is new, and for a dry run in a place that is gone afterwards."""
    if images is None:
        store = open_current(settings)
    else:
        check_folder(images)
        store = open_store(settings.store_url)
    with TemporaryDirectory(prefix="onetag-dry-run-") as folder:
        try:
            if images is not None and dry_run and not check(store).ok:
                store.close()
                store = open_store(f"sqlite:///{folder}/onetag.db")
            if images is not None:
                upgrade(store)
            yield store
        finally:
            store.close()


def _target(store: Store, images: Path | None, wanted: str | None, title: str | None) -> Target:
    if images is not None:
        with bar("Looking through the images") as progress:
            return folder_target(store, images, title, progress)
    with store.reading() as session:
        try:
            project = chosen_project(session, wanted)
        except OnetagError as error:
            raise OnetagError(
                error.problem, f"Give --images FOLDER for a project without Label Studio. {error.fix}"
            ) from None
    return project_target(store, project.id)


def _ask(labels: list[str]) -> bool:
    typer.echo(f"The project lacks {len(labels):,} labels: {_some(labels, len(labels))}", err=True)
    return typer.confirm("Add them?", err=True)


def _images(report: ImportReport) -> list[str]:
    lines = [
        f"{report.file} ({report.format}, {report.claim}) into {report.project!r}: "
        f"{report.matched:,} of its {report.images:,} images are in the project."
    ]
    kinds = (
        (report.missing, "named in the file, but not in the project", report.missing_names),
        (report.several, "named so that several images could be meant", report.several_names),
        (report.unnamed, "in the project, but not named in the file", report.unnamed_names),
        (report.twice, "named more than once", report.twice_names),
        (
            report.contradictions,
            "labels called present and absent, and so unknown",
            report.contradicted,
        ),
        (len(report.pictures_left_out), "pictures left out", report.pictures_left_out),
    )
    lines += [f"  {count:,} {what}: {_some(names, count)}" for count, what, names in kinds if count]
    return lines + [f"  {count:,} {reason}" for reason, count in report.left_out.items()]


def _labels(report: ImportReport) -> list[str]:
    lines = []
    if report.renamed_labels:
        now = [f"{before} ({after} now)" for before, after in report.renamed_labels.items()]
        lines.append(f"  {len(now):,} renamed labels, named as before: {_some(now)}")
    if report.new_labels:
        lines.append(f"  {len(report.new_labels):,} new labels: {_some(report.new_labels)}")
    if report.skipped_labels:
        lines.append(f"  {len(report.skipped_labels):,} labels left out: {_some(report.skipped_labels)}")
    if report.ignored_absent:
        lines.append(
            f"  {report.ignored_absent:,} labels that it calls absent are left out; --as verified takes them"
        )
    return lines


def _observations(report: ImportReport) -> list[str]:
    would = "Would add" if report.dry_run else "Added"
    return [
        f"{would} {report.present:,} present and {report.absent:,} absent; {report.standing:,} were there "
        f"already, and {report.retired:,} that the file does not say any more "
        f"{'would be' if report.dry_run else 'were'} retired. Everything else is unknown."
    ]


def _next(report: ImportReport) -> list[str]:
    return ["Nothing was written: this was a dry run."] if report.dry_run else []


def _some(names: list[str], count: int | None = None) -> str:
    more = (len(names) if count is None else count) - len(names[:SHOWN])
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
