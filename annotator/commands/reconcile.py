"""`onetag reconcile`: compares a project with Label Studio now, as the worker does every ten minutes."""

from __future__ import annotations

import json as codec
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.comparing import ReconcileReport
from annotator.labelstudio.connection import open_studio
from annotator.labelstudio.reconcile import reconcile
from annotator.settings import Settings
from annotator.store import open_current

Full = Annotated[
    bool,
    typer.Option(
        "--full",
        envvar="ONETAG_FULL",
        help="Read every task and answer, and not only what changed since the last time.",
    ),
]


@with_settings(Panel.STORE, Panel.STUDIO)
def reconcile_command(
    settings: Settings, *, project: Project = None, full: Full = False, json: Json = False
) -> None:
    """Find what Label Studio's webhooks lost. The worker does it every ten minutes, once a day in full."""
    studio = open_studio(settings)
    if studio is None:
        raise OnetagError("No Label Studio is known yet.", "Run `onetag connect`, or give --url and --token.")
    store = open_current(settings)
    try:
        with store.reading() as session:
            row = chosen_project(session, project)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("Reading Label Studio", total=1.0)

            def tell(stage: str, share: float) -> None:
                bar.update(task, description=stage, completed=share)

            report = reconcile(store, studio, row.id, tell, full=full)
    finally:
        store.close()
    typer.echo(codec.dumps(asdict(report), indent=2, ensure_ascii=False) if json else in_words(report))
    for problem in report.problems if not json else ():
        typer.echo(problem, err=True)


def in_words(report: ReconcileReport) -> str:
    """In one line, for people."""
    looked_at = f"All {report.tasks:,} tasks" if report.full else f"{report.tasks:,} tasks that changed"
    found = {
        "images added": report.images_added,
        "images removed": report.images_removed,
        "images changed": report.images_changed,
        "answers recorded": report.recorded,
        "answers retired": report.retired,
        "labels changed": len(report.labels),
    }
    told = ", ".join(f"{count:,} {what}" for what, count in found.items() if count)
    return f"{looked_at} compared with Label Studio: {told or 'nothing had been missed'}."
