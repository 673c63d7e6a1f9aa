"""`onetag versions`: what the trainings of a project made, and going back to one of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.settings import Settings
from annotator.store import ModelVersion, Publication, Store, open_current
from annotator.store.versions import recipe_in_words
from model_backend.commands.console import print_json, standard
from model_backend.engine.version_list import LATEST, VersionRow, go_to_version, list_versions

WIDTH = 120  # characters that the list takes
WORKER_SECONDS = 15.0  # within which a worker's periodic check publishes


class Action(StrEnum):
    """What to do besides listing."""

    USE = "use"


Wanted = Annotated[
    str | None,
    typer.Argument(
        envvar="ONETAG_WANTED",
        help=f"Number or name of the version to use, or `{LATEST}`.",
        show_default="none: list them",
    ),
]
Do = Annotated[
    Action | None,
    typer.Argument(
        envvar="ONETAG_ACTION", help="Go to another version.", show_default="none: list the versions"
    ),
]
Pin = Annotated[
    bool,
    typer.Option(
        "--pin/--no-pin",
        envvar="ONETAG_PIN",
        help="With `use`: keep that version in use when later trainings have made newer ones. Otherwise the "
        "next training's version takes its place.",
    ),
]


@with_settings(Panel.STORE, Panel.STUDIO, "window")
def versions(
    settings: Settings,
    action: Do = None,
    wanted: Wanted = None,
    project: Project = None,
    *,
    pin: Pin = False,
    json: Json = False,
) -> None:
    """List the versions of a project; `onetag versions use N` goes back to one, and publishes it.

    The version in use gives the suggestions, and trainings go on from it. The newest ones, as many as the
    worker's `--keep-versions` says, and the one in use keep their files; of older ones the records stay.
    """
    store = open_current(settings)
    try:
        with store.reading() as session:
            project_id = chosen_project(session, project).id
        if action is Action.USE:
            _use(store, settings, project_id, wanted, pin=pin, quiet=json)
        rows = list_versions(store, settings.data_dir, project_id)
    finally:
        store.close()
    if json:
        print_json([asdict(row) for row in rows])
    elif action is None:
        _show(rows)


def _use(
    store: Store, settings: Settings, project_id: int, wanted: str | None, *, pin: bool, quiet: bool
) -> None:
    if wanted is None:
        raise OnetagError("Which version is not said.", f"onetag versions use 3, or {LATEST}.")
    version = go_to_version(store, settings.data_dir, project_id, wanted, pin=pin)
    console = standard(quiet=quiet)
    with console.status(f"Publishing {version.name} ..."):
        published = _publish(store, settings, project_id, version)
    later = "Later trainings leave it in use." if pin else "The next training's version takes its place."
    waits = "" if published else " Label Studio does not have its suggestions yet: the worker sends them."
    console.print(f"Version [bold]{version.name}[/] is in use. {later}{waits}")


def _publish(store: Store, settings: Settings, project_id: int, version: ModelVersion) -> bool:
    """Wait for a worker to publish the version, and do so here where none does; whether it is published.

    Two processes that publish the same version at once would push it twice.
    """
    from model_backend.engine.publish import publish_if_possible, unpublished  # noqa: PLC0415 (slow to import)

    studio = open_studio(settings)
    if studio is None:
        return True
    deadline = time.monotonic() + WORKER_SECONDS
    while time.monotonic() < deadline:
        with store.reading() as session:
            if project_id not in unpublished(session, studio.url):
                return True
        time.sleep(0.5)
    if publish_if_possible(store, settings, project_id, studio):
        return True
    with store.reading() as session:
        return session.get_one(ModelVersion, version.id).publication is Publication.PUBLISHED


def _show(rows: Sequence[VersionRow]) -> None:
    console = standard()
    if not rows:
        console.print("There is no version yet: `onetag train` makes one.")
        return
    table = Table(box=None, padding=(0, 2))
    for name in ("Number", "Made", "Backbone", "Recipe", "Images", "Tagged", "State", "On disk"):
        table.add_column(name)
    for row in rows:
        recipe = recipe_in_words(row.recipe)
        if row.derived_from is not None:
            recipe = f"as {row.derived_from}, other thresholds"
        table.add_row(
            *(str(row.number), f"{row.made_at:%Y-%m-%d %H:%M}", escape(row.backbone), escape(recipe)),
            *(str(row.metrics.get(name, "")) for name in ("images", "tagged")),
            *(_state(row), f"{row.bytes / 1e6:.1f} MB" if row.kept else ""),
        )
    console.width = max(console.width, WIDTH)
    console.print(table)


def _state(row: VersionRow) -> str:
    """What a version is to the annotators."""
    if row.damaged is not None:
        return f"damaged: {escape(row.damaged)}"
    if row.used:
        reached = "published" if row.publication is Publication.PUBLISHED else "to be published"
        return f"in use, {'pinned, ' if row.pinned else ''}{reached}"
    return str(row.publication) if row.kept else "let go"
