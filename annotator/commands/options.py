"""The options that several commands share besides the settings.

A flag `--some-name` reads the variable `ONETAG_SOME_NAME`. The flags of settings come from
`annotator.commands.with_settings`.
"""

from __future__ import annotations

from typing import Annotated

import typer

from annotator.flags import Panel

STUDIO_PORT = 8080

StudioPort = Annotated[
    int | None,
    typer.Option(
        "--studio-port",
        envvar="ONETAG_STUDIO_PORT",
        min=1,
        max=65535,
        help="Port Label Studio listens on.",
        show_default=f"the data folder's, else {STUDIO_PORT}",
        rich_help_panel=Panel.STUDIO,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        envvar="ONETAG_PROJECT",
        help="Key of the project, as `onetag status` shows it (p1), or its number in Label Studio; needed "
        "when there are several.",
        show_default="the only one",
    ),
]
StudioProject = Annotated[
    int | None,
    typer.Option(
        "--project",
        envvar="ONETAG_PROJECT",
        min=1,
        help="Number of the project in Label Studio.",
        show_default="none: it has to be named",
    ),
]
Json = Annotated[bool, typer.Option("--json", envvar="ONETAG_JSON", help="Print JSON, for scripts.")]
