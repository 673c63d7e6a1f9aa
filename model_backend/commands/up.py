"""`onetag up`: everything for a folder of images, with one command."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from annotator.backend_url import backend_url
from annotator.commands.import_labels import told
from annotator.commands.label_files import LabelFileOptions, with_label_file
from annotator.commands.options import StudioPort
from annotator.commands.users import link_address, owner
from annotator.commands.values import label_names
from annotator.commands.with_settings import with_settings
from annotator.flags import Panel
from annotator.settings import Settings
from annotator.store.logins import new_link
from annotator.store.people import anybody
from model_backend.commands.console import progress_bar, standard
from model_backend.commands.following import follow
from model_backend.stack.installation import Installation, Plan, port_of_studio, running

FIRST_LINK = timedelta(days=1)
"""How long the first link to the page can be used."""
SHOWN = 10
"""Files left out that are named one by one."""

Images = Annotated[
    Path,
    typer.Argument(
        envvar="ONETAG_IMAGES", help="Folder with the images, subfolders included.", show_default=False
    ),
]
Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        envvar="ONETAG_LABELS",
        help="a,b,c, or @labels.txt with one a line. Needed at the first start.",
        show_default="those of the project",
    ),
]
Title = Annotated[
    str | None,
    typer.Option(
        "--title",
        envvar="ONETAG_TITLE",
        help="Name of the project.",
        show_default="the folder's name",
    ),
]


Yes = Annotated[
    bool,
    typer.Option(
        "--yes", envvar="ONETAG_YES", help="Do not ask when labels that answers speak of leave the project."
    ),
]
LabelsFrom = Annotated[
    Path | None,
    typer.Option(
        "--labels-from",
        envvar="ONETAG_LABELS_FROM",
        help="File of labels to import, see `onetag import`; the project gets its labels too.",
        show_default="none",
    ),
]


@with_settings(*Panel, without=("label_studio_url", "label_studio_token", "local_files_root"))
@with_label_file
def up(
    settings: Settings,
    file_options: LabelFileOptions,
    images: Images,
    labels: Labels = None,
    *,
    labels_from: LabelsFrom = None,
    title: Title = None,
    studio_port: StudioPort = None,
    yes: Yes = False,
) -> None:
    """Start Label Studio with your images, the ML backend and the worker; again, it goes on where it was."""
    console = standard()
    plan = Plan(
        images=images,
        labels=None if labels is None else tuple(label_names(labels)),
        title=title or images.resolve().name,
        studio_port=port_of_studio(settings.data_dir, studio_port),
        confirm=(lambda _: True) if yes else asked,
        labels_from=None if labels_from is None else file_options.file(labels_from),
        add_labels=file_options.add_labels,
        skip_labels=file_options.skip_labels,
    )
    with (
        interruptible(),
        running(settings, plan, console.print, lambda text: progress_bar(console, text)) as installation,
    ):
        say_left_out(console, installation)
        if installation.imported is not None:
            console.print(escape(told(installation.imported)))
        say_where(console, installation)
        follow(installation, console)


def asked(question: str) -> bool | None:
    """The answer of whoever sits at the terminal; None when nobody does."""
    return typer.confirm(question) if sys.stdin.isatty() else None


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGTERM and SIGHUP stop the command in order, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # SIGINT too: the background job of a script starts deaf to it.
    asked = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {number: signal.signal(number, interrupt) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def say_left_out(console: Console, installation: Installation) -> None:
    """Say which files were left out, and why."""
    problems = installation.found.problems
    for problem in problems[:SHOWN]:
        console.print(f"[yellow]Left out[/] {escape(problem.file)}: {escape(problem.reason)}")
    if len(problems) > SHOWN:
        console.print(f"[yellow]Left out[/] {len(problems) - SHOWN} more files.")
    others = installation.found.others
    if others:
        named = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
        console.print(f"[dim]Passed over {len(others)} files that are no pictures: {escape(named)}[/]")


def say_where(console: Console, installation: Installation, again: str = "goes on where it was") -> None:
    """Say where to go, how to log in, and what the same command does again."""
    console.print()
    console.print(f"[bold green]Label Studio[/]  {installation.address}")
    console.print(f"[bold]log in as[/]     {installation.email}")
    console.print(f"[bold]password[/]      in {installation.credentials_file} (only you can read it)")
    console.print(f"[bold]the page[/]      {page_address(installation)}", soft_wrap=True)
    console.print(f"Ctrl-C stops everything; the same command {again}.")


def page_address(installation: Installation) -> str:
    """Where the page is; while nobody can open it, a link that lets the owner in once."""
    backend = backend_url(installation.settings)
    with installation.store.session() as session:
        if anybody(session):
            return f"{backend}/page/ (log in, or `onetag users link` prints a link)"
        code = new_link(session, owner(session), FIRST_LINK)
    return f"{link_address(backend, code)} (lets you in once, within a day)"
