"""`onetag connect`: ties a project of a Label Studio that exists already to this backend."""

from __future__ import annotations

from typing import Annotated

import typer

from annotator.commands.options import (
    DatabaseUrl,
    DataDir,
    Host,
    Json,
    Port,
    Project,
    StudioToken,
    StudioUrl,
    label_names,
)
from annotator.settings import load_settings
from model_backend.commands.checks import show
from model_backend.commands.connecting import Request, link
from model_backend.commands.console import standard

BackendUrl = Annotated[
    str | None,
    typer.Option(
        "--backend-url",
        envvar="ONETAG_BACKEND_URL",
        help="Where Label Studio reaches the ML backend. [default: http://HOST:PORT]",
        show_default=False,
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        envvar="ONETAG_LABELS",
        help="With --fix-config: a,b,c or @labels.txt. [default: the choices that are there]",
        show_default=False,
    ),
]
FixConfig = Annotated[
    bool,
    typer.Option(
        "--fix-config", envvar="ONETAG_FIX_CONFIG", help="Replace a label config that lacks our controls."
    ),
]
RemoveOrphans = Annotated[
    bool,
    typer.Option(
        "--remove-orphans",
        envvar="ONETAG_REMOVE_ORPHANS",
        help="Delete webhooks whose ML backend is gone; each slows every Submit.",
    ),
]


def connect(
    url: StudioUrl = None,
    project: Project = None,
    token: StudioToken = None,
    backend_url: BackendUrl = None,
    host: Host = None,
    port: Port = None,
    fix_config: FixConfig = False,
    labels: Labels = None,
    remove_orphans: RemoveOrphans = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Connect a project of an existing Label Studio, and check every link; start `onetag serve` first."""
    settings = load_settings(
        data_dir=data_dir,
        database_url=database_url,
        label_studio_url=url,
        label_studio_token=token,
        host=host,
        port=port,
    )
    request = Request(
        project=project,
        backend_url=backend_url,
        labels=None if labels is None else tuple(label_names(labels)),
        fix_config=fix_config,
        remove_orphans=remove_orphans,
    )
    if not show(link(settings, request), standard(), json):
        raise typer.Exit(1)
