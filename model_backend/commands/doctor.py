"""`onetag doctor`: looks at each link of the chain, says what is wrong and what to do."""

from __future__ import annotations

import typer

from annotator.commands.options import DatabaseUrl, DataDir, Host, Json, Port, StudioToken, StudioUrl
from annotator.settings import load_settings
from model_backend.commands.checks import show
from model_backend.commands.console import standard
from model_backend.commands.examination import examine


def doctor(
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    url: StudioUrl = None,
    token: StudioToken = None,
    host: Host = None,
    port: Port = None,
    json: Json = False,
) -> None:
    """Check every link of the chain; exit code 1 when one is broken."""
    settings = load_settings(
        data_dir=data_dir,
        database_url=database_url,
        label_studio_url=url,
        label_studio_token=token,
        host=host,
        port=port,
    )
    if not show(list(examine(settings)), standard(), json):
        raise typer.Exit(1)
