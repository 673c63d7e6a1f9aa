"""The `onetag` command: every command of both sides, put together. A command is imported when it is run."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from pkgutil import resolve_name
from typing import Annotated

import typer

from annotator.errors import OnetagError
from model_backend.errors import LearningError

MENDABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
"""Failures of the file system that are the machine's state, not our mistake."""


PANELS: Mapping[str, Mapping[str, str]] = {
    "Start": {
        "up": "model_backend.commands.up:up",
        "demo": "model_backend.commands.demo:demo",
        "connect": "model_backend.commands.connect:connect",
    },
    "Files": {"import": "annotator.commands.import_labels:import_command"},
    "Look": {
        "status": "annotator.commands.status:status",
        "plan": "model_backend.commands.plan:plan",
        "simulate": "model_backend.commands.simulate:simulate",
        "agreement": "annotator.commands.agreement:agreement_command",
        "versions": "model_backend.commands.versions:versions",
        "doctor": "model_backend.commands.doctor:doctor",
        "export": "annotator.commands.export:export",
    },
    "Parts, one by one": {
        "serve": "model_backend.commands.serve:serve",
        "worker": "model_backend.commands.worker:worker",
        "train": "model_backend.commands.train:train",
        "reconcile": "annotator.commands.reconcile:reconcile_command",
        "health": "model_backend.commands.health:health",
        "db": "annotator.commands.db:app",
        "secret": "model_backend.commands.secret:app",
        "events": "annotator.commands.events:app",
        "users": "annotator.commands.users:app",
    },
    "What there is to choose from": {
        name: f"model_backend.commands.registries:{name}"
        for name in ("losses", "estimators", "backbones", "acquisitions")
    },
}
"""By panel of the help: where each command is defined."""


def _version(asked: bool) -> None:  # noqa: FBT001 (typer calls it so)
    if asked:
        typer.echo(f"onetag {metadata.version('onetag')}")
        raise typer.Exit


def build_app(only: str | None = None) -> typer.Typer:
    """The application with all its commands, or with one alone, which starts sooner."""
    app = typer.Typer(
        name="onetag",
        help="Tag one label an image; get them all.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    for panel, commands in PANELS.items():
        for name, place in commands.items():
            if only in (None, name):
                _add(app, name, resolve_name(place), panel)
    return app


def _add(app: typer.Typer, name: str, command: Callable[..., None] | typer.Typer, panel: str) -> None:
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(command)


def root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", envvar="ONETAG_VERSION", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Tag one label an image; get them all: single-positive multi-label learning inside Label Studio."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; what a user can mend is told in a line, without a traceback, and exits with 1."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    named = {name for commands in PANELS.values() for name in commands}.intersection(given[:1])
    try:
        build_app(*named)(args=given)
    except (OnetagError, LearningError) as error:
        _fail(str(error))
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        _fail(
            f"{error.filename or 'The data folder'}: {error.strerror}. "
            "Check its permissions and free space, or choose another folder with --data-dir."
        )


def _fail(message: str) -> None:
    typer.secho(f"Error: {message}", fg=typer.colors.RED, err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
