"""`onetag secret`: the shared secret of a running installation."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.markup import escape

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.settings import Settings
from annotator.store import open_current
from model_backend.commands.console import print_json, standard
from model_backend.stack.rotation import Followed, rotate

app = typer.Typer(help="Change the secret that guards the ML backend.", no_args_is_help=True)

OldValidFor = Annotated[
    float,
    typer.Option(
        "--old-valid-for",
        envvar="ONETAG_OLD_VALID_FOR",
        min=0,
        help="Hours for which the old secret stays valid once every project has the new one.",
    ),
]


@app.callback()
def group() -> None:
    """Change the secret that guards the ML backend."""


@app.command("rotate")
@with_settings(Panel.STORE, "host", "port", Panel.STUDIO)
def rotate_secret(settings: Settings, *, old_valid_for: OldValidFor = 24.0, json: Json = False) -> None:
    """Make a new secret and give it to all connected projects; nothing restarts. Again, it goes on."""
    console = standard(quiet=json)

    def told(each: Followed) -> None:
        mark = "[green]✓[/]" if each.ok else "[red]✗[/]"
        console.print(f"{mark} [bold]project {each.project}[/] {escape(each.detail)}")

    store = open_current(settings)
    try:
        done = rotate(settings, store, open_studio(settings), timedelta(hours=old_valid_for), told)
    finally:
        store.close()
    if json:
        print_json(asdict(done))
    elif done.resumed:
        console.print("A rotation that had been interrupted went on, with the secret that it had made.")
    if done.old_until is None:
        console.print(
            "The old secret stays valid until all projects have the new one: mend what is said, "
            "then run `onetag secret rotate` again."
        )
        raise typer.Exit(1)
    console.print(
        f"The old secret is valid until {done.old_until:%Y-%m-%d %H:%M} UTC. Whoever opens /metrics"
    )
    console.print("needs the new one by then; it stands in `credentials.json` in the data folder.")
