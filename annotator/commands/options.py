"""The options that several commands share, each mirrored by a variable.

A flag `--some-name` reads `ONETAG_SOME_NAME`, or the variable of the setting that it overrides. Unset options
are None, so that `load_settings` falls back on the environment and on its defaults.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.config import clean_labels
from annotator.store import Project as ProjectRow
from annotator.store import check, open_store

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from annotator.settings import Settings
    from annotator.store import Store

PLACES = "Where things are"
LEARNING = "Learning"

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        envvar="ONETAG_DATA_DIR",
        help="Folder of the database, cache and versions. [default: onetag-data]",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        "--database-url",
        envvar="ONETAG_DATABASE_URL",
        help="SQLAlchemy URL of the store. [default: SQLite in the data folder]",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
StudioUrl = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="ONETAG_LABEL_STUDIO_URL",
        help="Where Label Studio answers.",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
StudioToken = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="ONETAG_LABEL_STUDIO_TOKEN",
        help="Label Studio's personal access token or legacy token. The variable keeps it out of `ps`.",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        envvar="ONETAG_HOST",
        help="Address the ML backend listens on. [default: 127.0.0.1]",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
Port = Annotated[
    int | None,
    typer.Option(
        "--port",
        envvar="ONETAG_PORT",
        min=1,
        max=65535,
        help="Port the ML backend listens on. [default: 9090]",
        rich_help_panel=PLACES,
        show_default=False,
    ),
]
StudioPort = Annotated[
    int,
    typer.Option(
        "--studio-port",
        envvar="ONETAG_STUDIO_PORT",
        min=1,
        max=65535,
        help="Port Label Studio listens on.",
        rich_help_panel=PLACES,
    ),
]
Project = Annotated[
    int | None,
    typer.Option(
        "--project",
        envvar="ONETAG_PROJECT",
        min=1,
        help="Number of the project in Label Studio; needed when there are several.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", envvar="ONETAG_JSON", help="Print JSON, for scripts.")]
Loss = Annotated[
    str | None,
    typer.Option(
        "--loss",
        envvar="ONETAG_LOSS",
        help="Loss, see `onetag losses`. [default: the measured best]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
Estimator = Annotated[
    str | None,
    typer.Option(
        "--estimator",
        envvar="ONETAG_ESTIMATOR",
        help="Label estimator, see `onetag estimators`. [default: the measured best]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
EndToEnd = Annotated[
    bool | None,
    typer.Option(
        "--end-to-end/--frozen",
        envvar="ONETAG_END_TO_END",
        help="Train the backbone too, from pixels; or use its published weights. "
        "[default: go on with the backbone of the last version]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
Backbone = Annotated[
    str | None,
    typer.Option(
        "--backbone",
        envvar="ONETAG_BACKBONE",
        help="Feature extractor, see `onetag backbones`. [default: auto]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
Weights = Annotated[
    Path | None,
    typer.Option(
        "--weights",
        envvar="ONETAG_WEIGHTS",
        help="Weights file of the backbone, for sites without internet.",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        envvar="ONETAG_DEVICE",
        help="auto, cpu or cuda. [default: auto]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        envvar="ONETAG_SEED",
        min=0,
        help="Seed of every random choice. [default: 0]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
ExpectedPositives = Annotated[
    float | None,
    typer.Option(
        "--expected-positives",
        envvar="ONETAG_EXPECTED_POSITIVES",
        min=0.0,
        help="Labels present in an image on average, if known.",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
RetrainAfter = Annotated[
    int | None,
    typer.Option(
        "--retrain-after",
        envvar="ONETAG_RETRAIN_AFTER",
        min=1,
        help="New observations that trigger a training at once. [default: 10]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]
RetrainIdle = Annotated[
    float | None,
    typer.Option(
        "--retrain-idle",
        envvar="ONETAG_RETRAIN_IDLE",
        min=0.0,
        help="Seconds without an answer before training on fewer. [default: 30]",
        rich_help_panel=LEARNING,
        show_default=False,
    ),
]


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


def open_current(settings: Settings) -> Store:
    """The store of these settings, refused unless its tables are those of this release.

    Raises OnetagError saying which `onetag db` command mends it.
    """
    store = open_store(settings.store_url)
    state = check(store)
    if not state.ok:
        store.close()
        raise OnetagError(state.message, state.fix)
    return store


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
