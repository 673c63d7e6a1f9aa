"""`onetag connect`: ties a project of a Label Studio that exists already to this backend."""

from __future__ import annotations

from typing import Annotated

import typer

from annotator.commands.options import Json, Project, label_names
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.settings import Settings
from model_backend.commands.checks import show
from model_backend.commands.connecting import Request, link
from model_backend.commands.console import standard

BackendUrl = Annotated[
    str | None,
    typer.Option(
        "--backend-url",
        envvar="ONETAG_BACKEND_URL",
        help="Where Label Studio reaches the ML backend.",
        show_default="http://HOST:PORT",
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        envvar="ONETAG_LABELS",
        help="With --fix-config: a,b,c or @labels.txt.",
        show_default="the choices that are there",
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


@with_settings(Panel.STORE, Panel.BACKEND, Panel.STUDIO)
def connect(
    settings: Settings,
    project: Project = None,
    backend_url: BackendUrl = None,
    labels: Labels = None,
    *,
    fix_config: FixConfig = False,
    remove_orphans: RemoveOrphans = False,
    json: Json = False,
) -> None:
    """Connect a project of an existing Label Studio, and check every link; start `onetag serve` first."""
    request = Request(
        project=project,
        backend_url=backend_url,
        labels=None if labels is None else tuple(label_names(labels)),
        fix_config=fix_config,
        remove_orphans=remove_orphans,
    )
    if not show(link(settings, request), standard(), as_json=json):
        raise typer.Exit(1)
