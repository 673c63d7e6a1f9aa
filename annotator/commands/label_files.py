"""The options of a file of labels, which `import` and `up` share."""

from __future__ import annotations

import csv
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from annotator.errors import OnetagError
from annotator.exchange.importing import LabelFile, ReadOptions, choose_import_format
from annotator.settings import Settings
from annotator.store import Claim

P = ParamSpec("P")

PANEL = "Files of labels"
FORMATS = "npy, huggingface, voc, imagefolder, labelstudio, coco, openimages or csv"

As = Annotated[
    Claim,
    typer.Option(
        "--as",
        envvar="ONETAG_AS",
        help="What the file says of labels that it does not name. positive: nothing; single: nothing, and an "
        "image has one; verified: nothing, but what it calls absent is absent; complete: they are absent.",
        rich_help_panel=PANEL,
    ),
]
LabelFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        envvar="ONETAG_IMPORT_FORMAT",
        help=f"Format of the file: {FORMATS}.",
        show_default="recognised",
        rich_help_panel=PANEL,
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        envvar="ONETAG_SEPARATOR",
        help="Between labels in one cell of a table.",
        show_default="the first of | ; , that is there",
        rich_help_panel=PANEL,
    ),
]
ImageColumn = Annotated[
    str | None,
    typer.Option(
        "--image-column",
        envvar="ONETAG_IMAGE_COLUMN",
        help="Column of the images' names; of a Label Studio export, the field of the task's data.",
        show_default="recognised",
        rich_help_panel=PANEL,
    ),
]
LabelColumn = Annotated[
    list[str] | None,
    typer.Option(
        "--label-column",
        envvar="ONETAG_LABEL_COLUMN",
        help="Column that lists labels; or, given several times, the columns of 1 and 0.",
        show_default="recognised",
        rich_help_panel=PANEL,
    ),
]
LabelNames = Annotated[
    Path | None,
    typer.Option(
        "--label-names",
        envvar="ONETAG_LABEL_NAMES",
        help="File with the labels' names: one a line in the order of their numbers, or code,name.",
        show_default="none",
        rich_help_panel=PANEL,
    ),
]
Control = Annotated[
    str | None,
    typer.Option(
        "--control",
        envvar="ONETAG_CONTROL",
        help="Control of a Label Studio export that holds the labels.",
        show_default="the only one",
        rich_help_panel=PANEL,
    ),
]
AddLabels = Annotated[
    bool,
    typer.Option(
        "--add-labels",
        envvar="ONETAG_ADD_LABELS",
        help="Add the labels that the project lacks.",
        rich_help_panel=PANEL,
    ),
]
SkipLabels = Annotated[
    bool,
    typer.Option(
        "--skip-labels",
        envvar="ONETAG_SKIP_LABELS",
        help="Leave out the labels that the project lacks.",
        rich_help_panel=PANEL,
    ),
]
OPTIONS: dict[str, tuple[Any, Any]] = {  # the name in Python, its option, its default
    "claim": (As, Claim.POSITIVE),
    "form": (LabelFormat, None),
    "separator": (Separator, None),
    "image_column": (ImageColumn, None),
    "label_column": (LabelColumn, None),
    "label_names": (LabelNames, None),
    "control": (Control, None),
    "add_labels": (AddLabels, False),
    "skip_labels": (SkipLabels, False),
}


@dataclass(frozen=True)
class LabelFileOptions:
    """What a command line says about a file of labels."""

    claim: Claim
    form: str | None
    options: ReadOptions
    add_labels: bool
    skip_labels: bool

    def file(self, path: Path) -> LabelFile:
        """The file at a path, read so. Raises OnetagError when its format is not recognised."""
        return LabelFile(path, choose_import_format(path, self.form), self.claim, self.options)


def with_label_file(
    function: Callable[Concatenate[Settings, LabelFileOptions, P], None],
) -> Callable[..., None]:
    """Give a command the options of a file of labels, after its settings; below `with_settings`."""

    @wraps(function)
    def command(settings: Settings, **given: Any) -> None:
        read = _read({name: given.pop(name) for name in OPTIONS})
        function(settings, read, **given)  # type: ignore[call-arg]  # as in `with_settings`

    first, _, *own = inspect.signature(function, eval_str=True).parameters.values()
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
    ]
    command.__signature__ = inspect.Signature([first, *own, *options])  # type: ignore[attr-defined]
    return command


def _read(given: dict[str, Any]) -> LabelFileOptions:
    if given["add_labels"] and given["skip_labels"]:
        raise OnetagError("--add-labels and --skip-labels exclude each other.", "Give one of them.")
    names, codes = read_label_names(given["label_names"])
    columns = tuple(given["label_column"] or ())
    options = ReadOptions(given["separator"], given["image_column"], columns, names, codes, given["control"])
    return LabelFileOptions(given["claim"], given["form"], options, given["add_labels"], given["skip_labels"])


def read_label_names(file: Path | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """(names in their order, name by code) of a file of labels' names; one of the two is empty.

    Raises OnetagError when it cannot be read.
    """
    if file is None:
        return (), {}
    try:
        lines = [line for line in file.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
        rows = list(csv.reader(lines))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OnetagError(
            f"The label names {file} cannot be read: {error}.", "One name, or code,name, a line, UTF-8."
        ) from None
    if rows and all(len(row) == 2 for row in rows):
        return (), {code.strip(): name.strip() for code, name in rows}
    return tuple(line.strip() for line in lines), {}


@contextmanager
def bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on the terminal's standard error; nothing is drawn where there is no terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
