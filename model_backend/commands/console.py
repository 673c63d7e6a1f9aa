"""What the commands share in talking to people: one console, JSON for scripts, errors without a traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

from annotator.labelstudio.health import Check


def standard(*, quiet: bool = False) -> Console:
    """The console for results; a quiet one (for `--json`) talks to standard error instead."""
    return Console(stderr=quiet, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Write JSON on standard output, dates as ISO 8601 and unknown numbers as null."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


@contextmanager
def progress_bar(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar; the yielded function takes (done, total). Nothing is drawn where there is no terminal."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=None)

        def report(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield report


@contextmanager
def stage_bar(console: Console, title: str) -> Iterator[Callable[[str, float], None]]:
    """A bar for work in stages; the yielded function takes (stage, share done 0..1)."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=1.0)

        def report(stage: str, share: float) -> None:
            bar.update(task, description=f"{title}: {stage}", completed=share)

        yield report


def show_checks(checks: Sequence[Check], console: Console, *, as_json: bool) -> bool:
    """Print the checks as a list, or as JSON; whether all hold."""
    good = all(each.ok for each in checks)
    if as_json:
        print_json({"ok": good, "checks": [asdict(each) for each in checks]})
        return good
    for each in checks:
        mark = "[green]✓[/]" if each.ok else "[red]✗[/]"
        console.print(f"{mark} [bold]{escape(each.name)}[/] {escape(each.detail)}")
        if each.fix and not each.ok:
            console.print(f"    [yellow]{escape(each.fix)}[/]")
    return good
