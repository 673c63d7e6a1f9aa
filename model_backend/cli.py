"""The `onetag` command: every command of both sides, put together. Importing it imports no torch."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import metadata
from typing import Annotated

import typer

from annotator.commands import agreement, db, events, export, import_labels, reconcile, status, users
from annotator.errors import OnetagError
from model_backend.commands import (
    connect,
    demo,
    doctor,
    health,
    plan,
    registries,
    secret,
    serve,
    simulate,
    train,
    up,
    versions,
    worker,
)
from model_backend.errors import LearningError

MENDABLE = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT})
"""Failures of the file system that are the machine's state, not our mistake."""


PARTS = "Parts, one by one"
PANELS: Mapping[str, Mapping[str, Callable[..., None]]] = {
    "Start": {"up": up.up, "demo": demo.demo, "connect": connect.connect},
    "Files": {"import": import_labels.import_command},
    "Look": {
        "status": status.status,
        "plan": plan.plan,
        "simulate": simulate.simulate,
        "agreement": agreement.agreement_command,
        "versions": versions.versions,
        "doctor": doctor.doctor,
        "export": export.export,
    },
    PARTS: {
        "serve": serve.serve,
        "worker": worker.worker,
        "train": train.train,
        "reconcile": reconcile.reconcile_command,
        "health": health.health,
    },
    "What there is to choose from": registries.COMMANDS,
}


def _version(asked: bool) -> None:  # noqa: FBT001 (typer calls it so)
    if asked:
        typer.echo(f"onetag {metadata.version('onetag')}")
        raise typer.Exit


def build_app() -> typer.Typer:
    """The application with all its commands."""
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
        for name, command in commands.items():
            app.command(name, rich_help_panel=panel)(command)
    app.add_typer(db.app, name="db", rich_help_panel=PARTS)
    app.add_typer(secret.app, name="secret", rich_help_panel=PARTS)
    app.add_typer(events.app, name="events", rich_help_panel=PARTS)
    app.add_typer(users.app, name="users", rich_help_panel=PARTS)
    return app


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
    try:
        build_app()(args=None if arguments is None else list(arguments))
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
