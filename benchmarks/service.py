"""What the backend holds out under load, and how large a project stays quick, on SQLite and on PostgreSQL.

    python -m benchmarks.service                                  # both engines, 200 webhooks a second
    python -m benchmarks.service --engine sqlite --rate 50 --seconds 30 --only load
    python -m benchmarks.service --only scale --scale 100000x1000000
    python -m benchmarks.service --peer PATH                      # beside label-studio-ml 2.x's own server

`load`: a backend and a worker as processes of their own, trainings one after another all the time. Webhooks
come at fixed times, whatever the backend does, and their milliseconds are counted from these times; each on a
new connection, as Label Studio makes them, which gives one up after a second. `lost` are answers that were
acknowledged and do not reach the store. Then, trainings still running, 1,000 tasks are asked for at once, one
task is opened, and eight annotators work at once (open a task, think, submit).

`scale`: projects of these sizes (images x observations), with a label vector an image: seconds and MiB above
the program's own, of `onetag status`, of the matrix that a training reads, of predictions, CSV and Parquet.

The peer (PATH: a folder in which `label_studio_ml` 2.x can be imported) is started as its Dockerfile starts
it, with a model that answers from memory and keeps no event, beside the same trainings of ours. PostgreSQL is
started with the benchmark and has its usual settings.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

from annotator.store import open_store, upgrade
from benchmarks.load.filling import Size, add_version, fill
from benchmarks.load.ours import Installation, filled, running
from benchmarks.load.peer import peer_server
from benchmarks.load.postgres import own_postgres
from benchmarks.load.scale import OPERATIONS, in_a_process
from benchmarks.load.studio import asked, submitted
from benchmarks.load.traffic import Call, Calls, Server, annotators, at_rate, one_by_one
from model_backend.commands.console import progress_bar

ENGINES = "sqlite", "postgresql"
WIDTH = 120  # of a table in a file
PEOPLE, THINK_SECONDS = 8, 1.0
MANY = 1000
FIRST_ANNOTATION = 1_000_000
TARGETS = {"webhooks": "99 % < 100", "predict 1000": "< 1,000", "predict 1": "< 50"}
COLUMNS = {
    "calls": "calls",
    "p50_ms": "half",
    "p99_ms": "99 %",
    "longest_ms": "longest",
    "over_1s": "> 1 s",
    "failed": "failed",
}
SCALE_TARGETS = {"status": "< 0.5 s"}


class Load:
    """One server under the same load as another: what it is sent, and what became of it."""

    def __init__(self, server: Server, options: argparse.Namespace, console: Console) -> None:
        self._server, self._options, self._console = server, options, console
        self._annotation = FIRST_ANNOTATION
        self._random = random.Random(0)
        self.acknowledged: set[int] = set()

    def webhooks(self) -> Calls:
        """Steady webhooks, at their times."""
        count = int(self._options.rate * self._options.seconds)
        calls = Calls()
        with progress_bar(self._console, "webhooks") as report:
            asyncio.run(
                at_rate(calls, (self._submit() for _ in range(count)), count, self._options.rate, report)
            )
        return calls

    def predictions(self, tasks: int, repeats: int) -> Calls:
        """Requests for so many tasks, one after another."""
        calls = Calls()
        with progress_bar(self._console, f"predictions of {tasks} tasks") as report:
            each = (self._open(tasks) for _ in range(repeats))
            asyncio.run(one_by_one(calls, each, repeats, report))
        return calls

    def annotators(self) -> tuple[Calls, Calls]:
        """Eight people at once: what opening a task took, and what submitting did."""
        rounds = [
            [(self._open(1), self._submit()) for _ in range(self._options.rounds)] for _ in range(PEOPLE)
        ]
        opened, sent = Calls(), Calls()
        with self._console.status(f"{PEOPLE} annotators"):
            asyncio.run(annotators(opened, sent, rounds, THINK_SECONDS))
        return opened, sent

    def measured(self) -> dict[str, dict[str, float]]:
        """Everything but the webhooks."""
        opened, sent = self.annotators()
        found = {
            f"predict {MANY}": self.predictions(min(MANY, self._options.images), self._options.repeats),
            "predict 1": self.predictions(1, 10 * self._options.repeats),
            f"{PEOPLE} annotators: open": opened,
            f"{PEOPLE} annotators: submit": sent,
        }
        return {name: calls.summary() for name, calls in found.items()}

    def _submit(self) -> Call:
        self._annotation += 1
        return partial(self._send, self._annotation)

    async def _send(self, annotation: int) -> None:
        task = annotation % self._options.images + 1
        await self._server.post("/webhook", submitted(annotation, task))
        self.acknowledged.add(annotation)

    def _open(self, tasks: int) -> Call:
        first = self._random.randint(1, self._options.images - tasks + 1)
        body = asked(list(range(first, first + tasks)))
        return partial(self._predict, body, tasks)

    async def _predict(self, body: dict[str, Any], tasks: int) -> None:
        answer = await self._server.post("/predict", body)
        results = answer["results"]
        results = results.get("predictions", results) if isinstance(results, dict) else results
        if len(results) != tasks or not all(each["result"] is not None for each in results):
            raise ValueError("not one prediction a task")


def load(engine: str, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Both servers in turn under the same load, trainings running."""
    size = Size(options.images, options.images * 2)
    with TemporaryDirectory(prefix="onetag-service-") as place, database(engine, Path(place) / "data") as url:
        folder = Path(place)
        console.print(f"{engine}: a project of {size} ...")
        with (
            running(folder, url if engine == "postgresql" else "", filled(size)) as ours,
            ours.training() as trainings,
        ):
            report: dict[str, Any] = {"onetag": _ours(ours, options, console)}
            report["trainings"] = {"done": trainings.done(), "share_of_time": round(trainings.share, 2)}
            if options.peer:
                with peer_server(options.peer, folder / "peer") as server:
                    peer = Load(server, options, console)
                    report["peer"] = {"webhooks": peer.webhooks().summary(), **peer.measured()}
    return report


def _ours(ours: Installation, options: argparse.Namespace, console: Console) -> dict[str, dict[str, float]]:
    under_load = Load(ours.server, options, console)
    webhooks = under_load.webhooks().summary()
    with progress_bar(console, "taking them in") as report:
        seconds, lost = ours.taken_in(under_load.acknowledged, report)
    webhooks |= {"lost": lost, "taken_in_after_s": round(seconds, 1)}
    return {"webhooks": webhooks, **under_load.measured()}


def scale(engine: str, size: Size, options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Every operation over a project of this size."""
    with TemporaryDirectory(prefix="onetag-service-") as place, database(engine, Path(place)) as url:
        with console.status(f"{engine}: a project of {size} ..."):
            store = open_store(url)
            upgrade(store)
            fill(store, size)
            add_version(store, size)
            store.close()
        found = {}
        with progress_bar(console, f"{engine}, {size}") as report:
            for number, operation in enumerate(options.operations):
                report(number, len(options.operations))
                found[operation] = in_a_process(url, operation)
    return found


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database."""
    with (
        own_postgres() if engine == "postgresql" else nullcontext(f"sqlite:///{folder / 'onetag.db'}") as url
    ):
        yield url


def show_load(engine: str, report: dict[str, Any], console: Console) -> None:
    """Print one engine's load."""
    trainings = report["trainings"]
    console.print(
        f"{engine}, milliseconds; a training ran {trainings['share_of_time']:.0%} of the time "
        f"({trainings['done']} done)"
    )
    table = Table(box=None)
    for name in ("", *COLUMNS.values(), "lost", "target"):
        table.add_column(name, justify="right" if name not in ("", "target") else "left", no_wrap=True)
    for server in ("onetag", "peer"):
        for name, row in report.get(server, {}).items():
            cells = [f"{row[each]:,.0f}" for each in COLUMNS] + [str(row.get("lost", ""))]
            table.add_row(f"{server}, {name}", *cells, TARGETS.get(name, ""))
    console.print(table)
    webhooks = report["onetag"]["webhooks"]
    console.print(f"All webhooks were taken in {webhooks['taken_in_after_s']} s after the last of them.")


def show_scale(found: dict[str, Any], console: Console) -> None:
    """Print the large projects."""
    console.print("large projects: seconds, and MiB above the program's own")
    table = Table(box=None)
    for name in ("", "", "seconds", "MiB", "target"):
        table.add_column(name, justify="right" if name not in ("", "target") else "left")
    for name, report in found.items():
        for operation, row in report.items():
            target = SCALE_TARGETS.get(operation, "")
            table.add_row(name, operation, f"{row['seconds']:.3f}", f"{row['more_mib']:,.0f}", target)
    console.print(table)


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engine", choices=ENGINES, action="append", help="unless given, both")
    parser.add_argument("--only", choices=("load", "scale"), help="one of the two parts")
    parser.add_argument("--images", type=int, default=10_000, help="images of the project under load")
    parser.add_argument("--rate", type=float, default=200, help="webhooks a second")
    parser.add_argument("--seconds", type=float, default=60, help="of webhooks")
    parser.add_argument("--rounds", type=int, default=20, help="tasks that each annotator answers")
    parser.add_argument("--repeats", type=int, default=10, help="requests for 1,000 tasks")
    parser.add_argument(
        "--scale", type=_sizes, default="10000x100000,100000x1000000", help="images x observations"
    )
    parser.add_argument("--operations", type=_operations, default=",".join(OPERATIONS))
    parser.add_argument("--peer", type=Path, help="a folder that holds label_studio_ml 2.x")
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    console, report = Console(width=None if sys.stdout.isatty() else WIDTH), _setting()
    for engine in options.engine or ENGINES:
        if options.only != "scale":
            report["load"][engine] = load(engine, options, console)
            show_load(engine, report["load"][engine], console)
    for engine in options.engine or ENGINES:
        if options.only != "load":
            for size in options.scale:
                report["scale"][f"{engine}, {size}"] = scale(engine, size, options, console)
    if report["scale"]:
        show_scale(report["scale"], console)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _setting() -> dict[str, Any]:
    machine = {"platform": platform.platform(), "cores": os.cpu_count(), "load_before": os.getloadavg()}
    return {"machine": machine, "load": {}, "scale": {}}


def _sizes(text: str) -> list[Size]:
    return [Size.read(part) for part in text.split(",")]


def _operations(text: str) -> list[str]:
    unknown = [part for part in text.split(",") if part not in OPERATIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(OPERATIONS)}")
    return text.split(",")


if __name__ == "__main__":
    main()
