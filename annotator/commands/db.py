"""`onetag db`: the database's tables, brought to this release, taken back, or looked at."""

from __future__ import annotations

import json as codec
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.labelstudio.replay import ReplayReport, replay
from annotator.settings import Settings
from annotator.store import Store, open_store, require
from annotator.store import check as check_store
from annotator.store import downgrade as downgrade_store
from annotator.store import upgrade as upgrade_store

app = typer.Typer(help="Set up, change or check the database.", no_args_is_help=True)

Revision = Annotated[
    str,
    typer.Argument(envvar="ONETAG_REVISION", help="Revision to go back to; -1: one step; base: no table."),
]
Yes = Annotated[
    bool, typer.Option("--yes", envvar="ONETAG_YES", help="Do not ask: what is lost is meant to be.")
]


@app.command()
@with_settings(Panel.STORE)
def upgrade(settings: Settings, *, json: Json = False) -> None:
    """Create the database, or bring it to this release, answers read by today's rule. Safe to repeat."""
    with _opened(settings) as store:
        upgrade_store(store)
        report = _replayed(store, everything=False)
        _tell(store, json=json)
        if report.annotations and not json:
            typer.echo(f"{report}.")


@app.command(name="replay")
@with_settings(Panel.STORE)
def replay_all(settings: Settings, *, json: Json = False) -> None:
    """Derive all observations again from the raw answers, by today's rule; older ones are kept, retired."""
    with _opened(settings) as store:
        require(store)
        report = _replayed(store, everything=True)
    typer.echo(codec.dumps(asdict(report), indent=2, ensure_ascii=False) if json else f"{report}.")
    for problem in report.problems if not json else ():
        typer.echo(problem, err=True)


def _replayed(store: Store, *, everything: bool) -> ReplayReport:
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Reading the answers anew", total=None, visible=False)

        def tell(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return replay(store, everything=everything, progress=tell)


# `-1` is a revision and not an option.
@app.command(context_settings={"ignore_unknown_options": True})
@with_settings(Panel.STORE)
def downgrade(settings: Settings, revision: Revision, *, yes: Yes = False, json: Json = False) -> None:
    """Take the database back to an earlier revision. What later revisions hold is lost."""
    with _opened(settings) as store:
        if not yes:
            typer.confirm(
                f"Tables and columns newer than {revision} are deleted with all they hold. Go on?", abort=True
            )
        downgrade_store(store, revision)
        _tell(store, json=json)


@app.command()
@with_settings(Panel.STORE)
def check(settings: Settings, *, json: Json = False) -> None:
    """Tell whether the database fits this release, and what to do when it does not (exit code 1)."""
    with _opened(settings) as store:
        if not _tell(store, json=json):
            raise typer.Exit(1)


@contextmanager
def _opened(settings: Settings) -> Iterator[Store]:
    store = open_store(settings.store_url)
    try:
        yield store
    finally:
        store.close()


def _tell(store: Store, *, json: bool) -> bool:
    state = check_store(store)
    typer.echo(codec.dumps(asdict(state), indent=2) if json else f"{state.message} {state.fix}".strip())
    return state.ok
