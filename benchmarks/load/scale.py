"""What must stay quick in a large project, each in a process of its own: so its peak of memory is its own.

python -m benchmarks.load.scale DATABASE_URL OPERATION
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import select

from annotator.commands.status import collect
from annotator.exchange import EXPORTS, export_project
from annotator.labelstudio.projects import Identity
from annotator.settings import load_settings
from annotator.store import Project, Store, observed_matrix, open_store
from benchmarks.load.studio import MADE_AT, PROJECT, task
from benchmarks.peak import peak_mib
from model_backend.engine.predict import Outcome, Predictor

REPEATS = 5


def _status(store: Store) -> None:
    collect(store)


def _matrix(store: Store) -> None:
    with store.reading() as session:
        observed_matrix(session, session.scalars(select(Project.id)).one())


def _export(store: Store, form: str) -> None:
    with TemporaryDirectory() as folder, store.reading() as session:
        project = session.scalars(select(Project)).one()
        export_project(session, project, EXPORTS[form], Path(folder) / "labels")


def _predict(store: Store, tasks: int) -> None:
    predictor = Predictor(store, load_settings())
    answer = predictor.predict(Identity(PROJECT, MADE_AT), [task(number) for number in range(1, tasks + 1)])
    assert answer.outcomes == {Outcome.STORED: tasks}, answer.outcomes


OPERATIONS: dict[str, Callable[[Store], None]] = {
    "status": _status,
    "matrix": _matrix,
    "predict 1": lambda store: _predict(store, 1),
    "predict 1000": lambda store: _predict(store, 1000),
    "csv": lambda store: _export(store, "csv"),
    "parquet": lambda store: _export(store, "parquet"),
}


def measure(url: str, operation: str) -> dict[str, float]:
    """Seconds of the first time and, for what is quick, of the median; MiB before and at most."""
    store = open_store(url)
    before = peak_mib()
    seconds: list[float] = []
    while not seconds or (sum(seconds) < 1 and len(seconds) < REPEATS):
        began = time.perf_counter()
        OPERATIONS[operation](store)
        seconds.append(time.perf_counter() - began)
    store.close()
    return {
        "seconds": round(statistics.median(seconds), 3),
        "first_s": round(seconds[0], 3),
        "base_mib": round(before, 1),
        "more_mib": round(peak_mib() - before, 1),
    }


def in_a_process(url: str, operation: str) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.load.scale", url, operation]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise SystemExit(f"{operation} failed:\n{child.stderr}")
    return dict(json.loads(child.stdout))


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))
