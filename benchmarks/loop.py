"""The loop as an annotator feels it: from a Submit to new suggestions, and what the backend adds to a Submit.

    python -m benchmarks.loop                      # 2,000 digit scenes, about five minutes on 2 cores
    python -m benchmarks.loop --dataset ../shared/data/coco18    # photographs, with the default backbone
    python -m benchmarks.loop --images 300 --json loop.json

Starts a real Label Studio, backend and worker in a temporary folder, and measures with cached features:

- `suggestions`: from the Submit that triggers a training until Label Studio's queue follows the new version;
- `webhook`: how long the backend takes to answer Label Studio's webhook, idle and while a training runs;
- `submit`: one annotation by Label Studio's API, without the backend, with it, and while a training runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from annotator.backend_url import backend_url
from annotator.settings import load_settings
from annotator.store import RunReason, TrainingRun, open_run, queue_run
from model_backend.commands.console import progress_bar
from model_backend.commands.up import interruptible
from model_backend.demo.annotator import Habits
from model_backend.demo.features import Scorer
from model_backend.demo.loop import Stage, Tally, settled, submit
from model_backend.demo.show import DemoImages, DemoOptions, prepare, stage_of
from model_backend.stack.installation import RUN, Installation, Plan, Worker, running
from model_backend.stack.ports import free_port
from model_backend.stack.process import marked_processes
from model_backend.worker.queue import open_job_queue

TRIGGER = 10  # observations that trigger a training: the default of ONETAG_RETRAIN_AFTER
FIRST_TAGS = 60
TAGS_ONLY = Habits()
TARGETS = {"suggestions": 5.0, "webhook": 0.05}  # seconds


class Bench:
    """A running installation and the simulated annotator in front of it."""

    def __init__(self, installation: Installation, stage: Stage, seed: int) -> None:
        self.installation, self.stage = installation, stage
        self.studio, self.store, self.project = stage.studio, stage.store, stage.project
        self._rng, self._progress = np.random.default_rng(seed), Tally()

    def tag(self) -> float:
        """Answer the next task; the seconds that the Submit took."""
        task = self.studio.next_task(self.project)
        if task is None:
            raise SystemExit("The queue is empty: give more --images.")
        began = time.perf_counter()
        submit(self.stage, task, TAGS_ONLY, self._rng, self._progress)
        return time.perf_counter() - began

    def suggestions(self) -> float:
        """Seconds from the Submit that triggers a training until the queue hands out its suggestions."""
        before = self.version()
        for _ in range(TRIGGER - 1):
            self.tag()
        submitted = time.perf_counter()
        self.tag()
        deadline = submitted + 120
        while time.perf_counter() < deadline:
            if self.version() != before and self._fresh(self.version()):
                return time.perf_counter() - submitted
            time.sleep(0.02)
        raise SystemExit("No new suggestions within two minutes; see the worker's log.")

    def version(self) -> str:
        """The version that Label Studio's queue follows."""
        return str(self.studio.project(self.project)["model_version"])

    def _fresh(self, version: str) -> bool:
        task = self.studio.next_task(self.project) or {}
        return version in {each["model_version"] for each in task.get("predictions", ())}

    def while_training(self, measure: Callable[[], float], at_least: int) -> list[float]:
        """Repeat a measurement while trainings run, as many of them as it takes."""
        measured: list[float] = []
        while len(measured) < at_least:
            with self.store.session() as session:
                queue_run(session, self.stage.project_id, RunReason.ASKED_FOR)
            self._nudge()
            while self._training() != "none":
                if self._training() == "running":
                    measured.append(measure())
                time.sleep(0.005)
        return measured

    def settle(self) -> None:
        """Wait until everything observed so far is learned and nothing is under way."""
        deadline, queued = time.monotonic() + 120, float("-inf")
        while time.monotonic() < deadline:
            if settled(self.store, self.stage.project_id):
                return
            if self._training() == "none" and time.monotonic() > queued + 15:  # time enough to publish it
                with self.store.session() as session:
                    queue_run(session, self.stage.project_id, RunReason.ASKED_FOR)
                self._nudge()
                queued = time.monotonic()
            time.sleep(0.5)
        raise SystemExit("The worker does not come to rest; see its log.")

    def _training(self) -> str:
        with self.store.reading() as session:
            run = open_run(session, self.stage.project_id)
            return "none" if run is None else run.state

    def _nudge(self) -> None:
        with closing(open_job_queue(self.installation.settings)) as queue:
            queue.train()

    def webhook(self, payload: bytes) -> float:
        """Seconds for one webhook as Label Studio sends it."""
        settings = self.installation.settings
        secret = settings.secret.get_secret_value() if settings.secret else ""
        headers = {"Content-Type": "application/json", "X-Onetag-Secret": secret}
        request = urllib.request.Request(f"{backend_url(settings)}/webhook", payload, headers)
        began = time.perf_counter()
        with urllib.request.urlopen(request, timeout=10) as answer:
            answer.read()
        return time.perf_counter() - began

    def payload(self) -> bytes:
        """A webhook about an annotation that is known already: recording it again changes nothing."""
        task = next(self.studio.annotated_tasks(self.project))
        annotation = task["annotations"][0] | {"task": task["id"]}
        project = {"id": self.project}
        sent = {"action": "ANNOTATION_UPDATED", "annotation": annotation, "project": project, "task": task}
        return json.dumps(sent).encode()

    def set_webhook(self, *, active: bool) -> None:
        """Let Label Studio call the backend at each Submit, or not."""
        for hook in self.studio.webhooks(self.project):
            self.studio.http.request("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": active})


def measure(bench: Bench, repeats: int, report: Callable[[str], None]) -> dict[str, dict[str, float]]:
    """Every number, in seconds."""
    for _ in range(FIRST_TAGS):
        bench.tag()
    bench.settle()
    report("from Submit to suggestions ...")
    numbers = {"suggestions": [bench.suggestions() for _ in range(repeats)]}
    bench.settle()
    payload = bench.payload()
    report("webhooks ...")
    numbers["webhook idle"] = [bench.webhook(payload) for _ in range(50)]
    numbers["webhook while training"] = bench.while_training(lambda: bench.webhook(payload), 100)
    report("Submits ...")
    bench.set_webhook(active=False)
    numbers["submit without backend"] = [bench.tag() for _ in range(20)]
    bench.set_webhook(active=True)
    numbers["submit with backend"] = [bench.tag() for _ in range(20)]
    numbers["submit while training"] = bench.while_training(bench.tag, 20)
    return {name: summary(values) for name, values in numbers.items()}


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 95th percentile, maximum and count."""
    ordered = sorted(seconds)
    return {
        "median": round(statistics.median(ordered), 4),
        "p95": round(ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], 4),
        "max": round(ordered[-1], 4),
        "count": len(ordered),
    }


def last_training(bench: Bench) -> dict[str, Any]:
    """Where the last training's time went."""
    with bench.store.reading() as session:
        run = session.scalars(select(TrainingRun).order_by(TrainingRun.id.desc()).limit(1)).one()
        return {name: value for name, value in run.metrics.items() if name.endswith("_seconds")}


def worker_mib(installation: Installation) -> int:
    """The memory that the worker holds after its trainings."""
    settings = installation.settings
    processes = marked_processes(Worker(settings.data_dir / RUN, settings).mark)
    return sum(process.memory_info().rss for process in processes) // 2**20


def show(numbers: dict[str, dict[str, float]], console: Console) -> None:
    """Print the table."""
    table = Table(title="seconds")
    for name in ("", "median", "p95", "max", "count", "target"):
        table.add_column(name, justify="left" if not name else "right")
    for name, row in numbers.items():
        target = TARGETS.get(name.partition(" ")[0])
        cells = [f"{row[key]:.3f}" for key in ("median", "p95", "max")]
        table.add_row(name, *cells, str(row["count"]), f"< {target}" if target else "")
    console.print(table)


def bench(folder: Path, arguments: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Start everything below `folder`, measure, and stop it."""
    settings = load_settings(
        data_dir=folder / "data",
        port=free_port(),
        backbone="auto" if arguments.dataset else "handcrafted",
        retrain_after=TRIGGER,
        retrain_idle=3600.0,
    )
    options = DemoOptions(arguments.dataset, arguments.images, None, seed=arguments.seed)
    material: DemoImages = prepare(options, folder, arguments.images, 20)
    train = material.train
    plan = Plan(material.folder, train.labels, "onetag benchmark", free_port(), train.names)
    with (
        interruptible(),
        closing(Scorer(settings, train, material.test)) as scorer,
        running(settings, plan, console.print, lambda text: progress_bar(console, text)) as installation,
    ):
        with console.status("computing features ..."):
            scorer.wait()
        made = Bench(installation, stage_of(installation, material, scorer), arguments.seed)
        numbers = measure(made, arguments.repeats, console.print)
        return {
            "images": len(train.files),
            "labels": len(train.labels),
            "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
            "last_training": last_training(made),
            "worker_mib": worker_mib(installation),
            "seconds": numbers,
        }


def main() -> None:
    """Measure and print; with --json also write a file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--dataset", type=Path, help="folder with images/ and labels.csv instead of scenes")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="file to write")
    arguments = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="onetag-loop-") as folder:
        report = bench(Path(folder), arguments, console)
    show(report["seconds"], console)
    console.print_json(data={name: value for name, value in report.items() if name != "seconds"})
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
