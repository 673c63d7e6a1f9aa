"""The options that several commands share besides the settings, and what their values mean.

A flag `--some-name` reads the variable `ONETAG_SOME_NAME`. The flags of settings come from
`annotator.commands.with_settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.config import clean_labels
from annotator.store import Project as ProjectRow

StudioPort = Annotated[
    int,
    typer.Option(
        "--studio-port",
        envvar="ONETAG_STUDIO_PORT",
        min=1,
        max=65535,
        help="Port Label Studio listens on.",
        rich_help_panel=Panel.STUDIO,
    ),
]
Project = Annotated[
    int | None,
    typer.Option(
        "--project",
        envvar="ONETAG_PROJECT",
        min=1,
        help="Number of the project in Label Studio; needed when there are several.",
        show_default="the only one",
    ),
]
Json = Annotated[bool, typer.Option("--json", envvar="ONETAG_JSON", help="Print JSON, for scripts.")]


def label_names(text: str) -> list[str]:
    """The labels of `a,b,c`, or of a file given as `@labels.txt` with one a line; blanks are left out.

    Raises OnetagError when there is none, when one comes twice, or when the file cannot be read.
    """
    names = _read_lines(Path(text[1:])) if text.startswith("@") else text.split(",")
    return clean_labels(name for name in names if name.strip())


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OnetagError(
            f"The labels file {file} cannot be read: {error}.", "One label a line, UTF-8."
        ) from None


def chosen_project(session: Session, number: int | None) -> ProjectRow:
    """The project with this number in Label Studio; without a number, the only one there is.

    Raises OnetagError when there is none, or when several could be meant.
    """
    rows = list(session.scalars(select(ProjectRow).order_by(ProjectRow.id)))
    found = [row for row in rows if number is None or row.studio_project == number]
    if len(found) == 1:
        return found[0]
    if not rows:
        raise OnetagError("There is no project yet.", "Start with `onetag up` or `onetag connect`.")
    named = ", ".join(f"{row.studio_project} ({row.title} at {row.studio_url})" for row in rows)
    wrong = "Several projects could be meant" if found else f"There is no project {number}"
    raise OnetagError(f"{wrong}.", f"Choose with --project; there are: {named}.")
