"""What the values of options mean: names of labels, and the project that a number stands for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.label_names import clean_labels
from annotator.store import Project


def label_names(text: str) -> list[str]:
    """The labels of `a,b,c`, or of a file given as `@labels.txt` with one a line; blanks are left out.

    Raises OnetagError when there is none, when one comes twice, or when the file cannot be read.
    """
    names = _read_lines(Path(text[1:])) if text.startswith("@") else text.split(",")
    return clean_labels(name for name in names if name.strip())


def _read_lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OnetagError(
            f"The labels file {file} cannot be read: {error}.", "One label a line, UTF-8."
        ) from None


def chosen_project(session: Session, number: int | None) -> Project:
    """The project with this number in Label Studio; without a number, the only one there is.

    Raises OnetagError when there is none, or when several could be meant.
    """
    rows = list(session.scalars(select(Project).order_by(Project.id)))
    found = [row for row in rows if number is None or row.studio_project == number]
    if len(found) == 1:
        return found[0]
    if not rows:
        raise OnetagError("There is no project yet.", "Start with `onetag up` or `onetag connect`.")
    named = ", ".join(f"{row.studio_project} ({row.title} at {row.studio_url})" for row in rows)
    wrong = "Several projects could be meant" if found else f"There is no project {number}"
    raise OnetagError(f"{wrong}.", f"Choose with --project; there are: {named}.")
