"""What the values of options mean: names of labels, and the project that a number stands for."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.label_names import clean_labels
from annotator.store import Project
from annotator.store.current import FIRST


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


def chosen_project(session: Session, wanted: str | None) -> Project:
    """The project with this key or, where only one has it, this number in Label Studio or this title.

    Without a wish, the only one there is. Raises OnetagError when there is none, or when several could be
    meant, with the keys of all.
    """
    rows = list(session.scalars(select(Project).order_by(Project.id)))
    if not rows:
        raise OnetagError("There is no project yet.", FIRST)
    found = [row for row in rows if wanted is None or wanted == row.key]
    found = found or [row for row in rows if wanted in (str(row.studio_project), row.title)]
    if len(found) == 1:
        return found[0]
    wrong = "Several projects could be meant" if found else f"There is no project {wanted}"
    named = ", ".join(f"{row.key} ({described(row)})" for row in found or rows)
    raise OnetagError(f"{wrong}.", f"Choose by its key, as in --project {(found or rows)[0].key}: {named}.")


def described(project: Project) -> str:
    """A project for people: its title, and where it is in Label Studio."""
    if project.studio_project is None:
        return f"{project.title}, without Label Studio"
    return f"{project.title}, project {project.studio_project} at {project.studio_url or 'no address'}"
