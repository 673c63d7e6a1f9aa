"""Seconds and memory of connecting a project of Label Studio that has tasks and answers already.

    python -m benchmarks.connecting                  # 100,000 tasks in a real Label Studio
    python -m benchmarks.connecting --tasks 2000

A plain multiple choice of 18 labels, as people have it; every fifth task has an answer, which names one to
three of them. Each comparison with Label Studio runs in a process of its own, so that its peak of resident
memory is its own: `first` is what `onetag connect` does when it meets the project, `again` what the worker
does every ten minutes with nothing new, `full` what it does once a day, or `onetag reconcile --full`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import Chosen
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.reconcile import OVERLAP, reconcile
from annotator.store import open_store, upgrade
from benchmarks.peak import peak_mib
from model_backend.stack.label_studio import LabelStudioProcess, studio_credentials
from model_backend.stack.ports import free_port

LABELS = tuple(f"label {number}" for number in range(18))
CONFIG = (
    '<View><Image name="img" value="$image"/><Choices name="kind" toName="img" choice="multiple">'
    + "".join(f'<Choice value="{label}"/>' for label in LABELS)
    + "</Choices></View>"
)
ANSWERED = 5  # every so many-th task
STAGES = ("first", "again", "full")
SENT = 10_000  # tasks made at a time
TIMEOUT = 600.0  # seconds for a batch of tasks


def fill(studio: Studio, project: int, count: int) -> None:
    """Make the tasks, some with an answer."""
    chance = random.Random(0)
    for start in range(0, count, SENT):
        numbers = range(start, min(start + SENT, count))
        studio.import_tasks(project, [_task(number, chance) for number in numbers])
        print(f"{numbers[-1] + 1:,} tasks made", file=sys.stderr, flush=True)


def _task(number: int, chance: random.Random) -> dict[str, Any]:
    task: dict[str, Any] = {"data": {"image": f"https://images.example/{number:09}.jpg"}}
    if number % ANSWERED == 0:
        named = chance.sample(LABELS, chance.randint(1, 3))
        region = {"from_name": "kind", "to_name": "img", "type": "choices", "value": {"choices": named}}
        task["annotations"] = [{"result": [region]}]
    return task


def measure(folder: Path, url: str, token: str, project: int, stage: str) -> dict[str, Any]:
    """Compare a project with Label Studio in this process; seconds, MiB and counts."""
    studio = Studio(url, SecretStr(token), timeout=TIMEOUT)
    store = open_store(f"sqlite:///{folder / 'onetag.db'}")
    upgrade(store)
    with store.session() as session:
        config = str(studio.project(project)["label_config"])
        project_id = get_or_create_project(session, url, Identity(project), config, chosen=Chosen()).id
    base, began = peak_mib(), time.perf_counter()
    report = reconcile(store, studio, project_id, imported=stage == "first", full=stage == "full")
    seconds = time.perf_counter() - began
    store.close()
    assert report.full == (stage != "again")
    assert bool(report) == (stage == "first")
    found = {f"{stage}_s": seconds, f"{stage}_mib": peak_mib(), f"{stage}_base_mib": base}
    return found | ({"tasks": report.tasks, "answers": report.recorded} if stage == "first" else {})


def run(tasks: int) -> dict[str, Any]:
    """Start a Label Studio, fill it, and measure in children."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        process = LabelStudioProcess(folder / "studio", free_port(), studio_credentials(folder))
        with process:
            process.wait_ready()
            studio = process.studio(TIMEOUT)
            project = int(studio.create_project("benchmark", CONFIG)["id"])
            fill(studio, project, tasks)
            token = process.credentials.token.get_secret_value()
            time.sleep(OVERLAP.total_seconds() + 1)  # what has just been made is read twice
            for stage in STAGES:
                child = subprocess.run(
                    [sys.executable, "-m", "benchmarks.connecting", "--measure"],
                    input=json.dumps([str(folder), process.url, token, project, stage]),
                    stdout=subprocess.PIPE,
                    text=True,
                    check=True,
                )
                found |= json.loads(child.stdout)
                print(child.stdout.strip(), file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--json", type=Path, help="where the result goes")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        folder, url, token, project, stage = json.load(sys.stdin)
        print(json.dumps(measure(Path(folder), url, token, project, stage)))
        return
    found = run(options.tasks)
    print("\n".join(f"{name:14} {value:,.1f}" for name, value in found.items()))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
