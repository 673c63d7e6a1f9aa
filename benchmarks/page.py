"""How long a person waits for the page of a large project, and whether webhooks wait for the person.

    python -m benchmarks.page                            # both engines, 100,000 images x 80 labels
    python -m benchmarks.page --engine sqlite --images 20000 --observations 200000 --repeats 5

A backend and a worker as processes of their own, no training running; somebody who is logged in. `first` is
the first time that a view is asked for, `cold` the first time that anything is since the server started.

Webhooks come at fixed times, as in `service`, while nobody looks, then while somebody goes through the grid
without a rest: each page with its 60 pictures by 6 connections, of which no thumbnail is there at first
(`new`), and all are in the end (`kept`).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from datetime import timedelta
from functools import partial
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from annotator.dashboard.access import cookie_name
from annotator.settings import Settings
from annotator.store import Role, Store
from annotator.store.logins import new_link, use_link
from annotator.store.people import add_person, find_person
from benchmarks.load.browsing import Scroller, make_photographs
from benchmarks.load.filling import Size, add_version, fill
from benchmarks.load.ours import Installation, running
from benchmarks.load.studio import submitted
from benchmarks.load.traffic import Call, Calls, Report, Server, at_rate, one_by_one, timed
from benchmarks.service import ENGINES, WIDTH, database
from model_backend.commands.console import progress_bar
from model_backend.stack.installation import MLBackend
from model_backend.stack.ports import free_port

PROJECT = "/page/p1"
VIEWS = {
    "Progress": "/",
    "Images": "/images",
    "one label, present": "/images?label=label+07&state=present",
    "one label, unknown, 80 % or more": "/images?label=label+07&state=unknown&least=80&order=probable",
    "one label, likely missing": "/images?label=label+11&find=missing",
    "one label, likely wrong": "/images?label=label+11&find=wrong",
    "any label, likely missing": "/images?find=missing",
    "any label, disagreement": "/images?find=disagreement&order=probable",
    "one annotator, newest answer": "/images?annotator=3&answer=answered&order=newest",
    "not answered, most uncertain": "/images?answer=open&order=uncertain",
    "one image": "/images/1235?label=label+07&state=present",
}
"""What is looked at, by its name."""
TARGETS = {"Progress": "< 300", "Images": "< 300", "one image": ""}
FILTERED = "< 500"
GRID = f"{PROJECT}/images?order=number"
A_PAGE = 60
VISITOR = "visitor"
FIRST_ANNOTATION = 10_000_000
RESTARTS = 3
KNOWN = 4
"""One label in so many is known of an image that was answered."""


def measure(engine: str, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything of one engine."""
    size = Size(
        options.images, options.observations, labels=options.labels, known=max(1, options.labels // KNOWN)
    )
    pages = min(options.pages, size.images // A_PAGE)
    with TemporaryDirectory(prefix="onetag-page-") as place, database(engine, Path(place) / "data") as url:
        folder = Path(place)
        console.print(f"{engine}: {size}, {size.labels} labels ...")
        root = folder / "root"
        make_photographs(root / "photos", [f"{task:08d}.jpg" for task in range(1, pages * A_PAGE + 1)])
        address = url if engine == "postgresql" else ""
        with running(folder, address, partial(prepare, size), local_files_root=root) as ours:
            report: dict[str, Any] = {"views": views(ours, folder, options, console)}
            report["webhooks"] = webhooks(ours, size, pages, options, console)
    return report


def prepare(size: Size, _settings: Settings, store: Store) -> None:
    """A project with two versions."""
    fill(store, size)
    add_version(store, size, 1)
    add_version(store, size, 2)


def views(ours: Installation, folder: Path, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Milliseconds of every view: the first time, then again and again; and cold."""
    found: dict[str, Any] = {}
    server = visitor(ours, ours.settings)
    with progress_bar(console, "views") as report:
        for number, (name, path) in enumerate(VIEWS.items()):
            first, again = Calls(), Calls()
            call = partial(server.get, PROJECT + path)
            asyncio.run(timed(first, call))
            asyncio.run(one_by_one(again, repeat(call, options.repeats), options.repeats, lambda *_: None))
            found[name] = again.summary() | {"first_ms": first.summary()["longest_ms"]}
            report(number + 1, len(VIEWS))
    for name in ("Progress", "Images"):
        found[name]["cold_ms"] = cold(ours, folder, VIEWS[name]).summary()["p50_ms"]
    return found


def cold(ours: Installation, folder: Path, path: str) -> Calls:
    """The first request of a server that has just started, some times."""
    calls = Calls()
    for number in range(RESTARTS):
        settings = ours.settings.model_copy(update={"port": free_port()})
        with MLBackend(folder / f"cold{number}", settings) as backend:
            backend.wait_ready()
            asyncio.run(timed(calls, partial(visitor(ours, settings).get, PROJECT + path)))
    return calls


class Webhooks:
    """The same webhooks as in `service`, with or without somebody who looks."""

    def __init__(self, ours: Installation, size: Size, options: argparse.Namespace) -> None:
        self._ours, self._size, self._options = ours, size, options
        self._annotation = FIRST_ANNOTATION

    async def alone(self, report: Report) -> Calls:
        """At their times; returns when all are answered."""
        calls, rate = Calls(), self._options.rate
        count = int(rate * self._options.seconds)
        await at_rate(calls, (self._submit() for _ in range(count)), count, rate, report)
        return calls

    async def beside(self, scroller: Scroller, pages: int, report: Report) -> Calls:
        """While somebody looks at so many pages, and at them again."""
        done = asyncio.Event()
        looking = asyncio.create_task(scroller.scroll(pages, done))
        calls = await self.alone(report)
        done.set()
        await looking
        return calls

    def _submit(self) -> Call:
        self._annotation += 1
        body = submitted(self._annotation, self._annotation % self._size.images + 1, self._size.names)
        return partial(self._ours.server.post, "/webhook", body)


def webhooks(
    ours: Installation, size: Size, pages: int, options: argparse.Namespace, console: Console
) -> dict[str, Any]:
    """Webhooks while nobody looks, while thumbnails are made, and while they are there."""
    under_load = Webhooks(ours, size, options)
    with progress_bar(console, "nobody looks") as report:
        found: dict[str, Any] = {"nobody looks": asyncio.run(under_load.alone(report)).summary()}
    for name in ("new thumbnails", "kept thumbnails"):
        scroller = Scroller(visitor(ours, ours.settings), GRID)
        with progress_bar(console, name) as report:
            sent = asyncio.run(under_load.beside(scroller, pages, report))
        found[name] = sent.summary() | {
            "grid": scroller.pages.summary(),
            "thumbnails": scroller.pictures.summary() | {"refused": scroller.refused},
        }
        pages = min(pages, max(1, len(scroller.pages.seconds)))  # those whose thumbnails are there now
    return found


def visitor(ours: Installation, settings: Settings) -> Server:
    """A server as somebody reaches it who has come by a link and is logged in."""
    with ours.store.session() as session:
        person = find_person(session, VISITOR) or add_person(session, VISITOR, Role.LOOK)
        session.flush()
        let_in = use_link(session, new_link(session, person, timedelta(minutes=1)))
    assert let_in is not None
    return Server(settings.port, {"Cookie": f"{cookie_name(settings)}={let_in[1]}"})


def show(engine: str, report: dict[str, Any], console: Console) -> None:
    """Print one engine's milliseconds."""
    table = Table(box=None, title=f"{engine}, milliseconds", title_justify="left")
    for name in ("", "half", "95 %", "first", "cold", "target"):
        table.add_column(name, justify="right" if name not in ("", "target") else "left", no_wrap=True)
    for name, row in report["views"].items():
        cells = [
            f"{row[each]:,.0f}" if each in row else "" for each in ("p50_ms", "p95_ms", "first_ms", "cold_ms")
        ]
        table.add_row(name, *cells, TARGETS.get(name, FILTERED))
    console.print(table)
    table = Table(box=None, title="webhooks, milliseconds", title_justify="left")
    for name in ("", "half", "99 %", "longest", "failed", "pictures", "grids"):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for name, row in report["webhooks"].items():
        seen = [f"{row[each]['calls']:,.0f}" if each in row else "" for each in ("thumbnails", "grid")]
        cells = [f"{row[each]:,.0f}" for each in ("p50_ms", "p99_ms", "longest_ms", "failed")]
        table.add_row(name, *cells, *seen)
    console.print(table)


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=ENGINES, action="append", help="unless given, both")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=80)
    parser.add_argument("--observations", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=20, help="requests for each view")
    parser.add_argument("--rate", type=float, default=100, help="webhooks a second")
    parser.add_argument("--seconds", type=float, default=30, help="of webhooks, three times")
    parser.add_argument("--pages", type=int, default=60, help="of the grid that are looked at at most")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "load_before": os.getloadavg()}
    report: dict[str, Any] = {"machine": machine}
    for engine in options.engine or ENGINES:
        report[engine] = measure(engine, options, console)
        show(engine, report[engine], console)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
