"""`onetag doctor`: looks at each link of the chain, says what is wrong and what to do."""

from __future__ import annotations

import typer

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.settings import Settings
from model_backend.commands.checks import show
from model_backend.commands.console import standard
from model_backend.commands.examination import examine


@with_settings(Panel.STORE, Panel.BACKEND, Panel.STUDIO)
def doctor(settings: Settings, *, json: Json = False) -> None:
    """Check every link of the chain; exit code 1 when one is broken."""
    if not show(list(examine(settings)), standard(), as_json=json):
        raise typer.Exit(1)
