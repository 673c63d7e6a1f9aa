"""Memory, time a step and mAP of every label estimator as images and labels grow, against naive dense Adam.

    python -m benchmarks.memory            # N = 1e4..1e6 x L = 20..10,000, about an hour on 2 cores
    python -m benchmarks.memory --quick    # the four smallest sizes, two minutes

Each cell trains a linear classifier with ROLE on a planted problem, in a process of its own, so that the
peak of its resident memory is its own. `dense` is the N x L parameter matrix with torch's Adam, as in the
published code; `none` is AN-LS without an estimator. mAP is that reached after the same seconds, for the
classifier on held-out images and for the estimator on the cells that were never observed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from benchmarks.data import percent_map
from benchmarks.peak import peak_mib
from benchmarks.planted import POSITIVES, PROBED, Planted, plant
from model_backend.errors import LearningError
from model_backend.estimators import ESTIMATORS, Estimator, SparseObservations, build_estimator
from model_backend.estimators.base import MULTIPLIER, SPREAD
from model_backend.estimators.memory import require_memory
from model_backend.losses import Batch, build_loss

BATCH, RATE, PASSES, WARM_UP = 256, 1e-2, 25, 3
LIMIT = 600  # seconds of a cell in all
COLUMNS = (
    "images",
    "labels",
    "estimator",
    "estimator_mib",
    "peak_mib",
    "build_s",
    "step_ms",
    "passes",
    "map",
    "estimator_map",
)


class DenseMatrix:
    """The published way: one dense parameter, gradient and moments, all of it touched at every step."""

    def __init__(self, observed: SparseObservations) -> None:
        images, labels = observed.shape
        # Value, gradient, two moments, and two more while torch's Adam steps.
        require_memory(24 * images * labels, torch.device("cpu"), "Dense Adam", "the estimator 'matrix'")
        start = torch.empty(images, labels).uniform_(-SPREAD, SPREAD)
        image, label, value = observed.triples()
        start[image, label] = 5.293 * value
        self.matrix = torch.nn.Parameter(start)
        self.adam = torch.optim.Adam([self.matrix], RATE * MULTIPLIER)

    def logits(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """Rows, with a dense gradient behind them."""
        del features
        return self.matrix[indices]

    def probabilities(self, indices: Tensor, features: Tensor | None = None) -> Tensor:
        """Without gradient."""
        del features
        return self.matrix.detach()[indices].sigmoid()

    def step(self, learning_rate: float) -> None:
        """Dense Adam."""
        del learning_rate
        self.adam.step()
        self.adam.zero_grad()


def build(name: str, problem: Planted, observed: SparseObservations) -> Estimator | DenseMatrix | None:
    """The estimator of a cell."""
    if name == "none":
        return None
    if name == "dense":
        return DenseMatrix(observed)
    options: dict[str, Any] = {"expected_positives": POSITIVES} if name == "neighbours" else {}
    return build_estimator(name, observed, problem.features, **options)


def measure(name: str, file: Path, seconds: float) -> dict[str, Any]:
    """One cell of the table: build, train for a while, evaluate."""
    problem = Planted.load(file)
    images, labels = problem.tags.numel(), problem.label_count
    result: dict[str, Any] = {"images": images, "labels": labels, "estimator": name}
    observed = problem.observed()
    began = time.perf_counter()
    try:
        estimator = build(name, problem, observed)
    except LearningError as refusal:
        return result | {"refused": str(refusal)}
    result["build_s"] = time.perf_counter() - began
    classifier = torch.nn.Linear(problem.features.shape[1], labels)
    result |= train(classifier, estimator, problem, observed, seconds)
    with torch.no_grad():
        inputs, truth = problem.held_out
        result["map"] = percent_map(classifier(inputs), truth)
    if estimator is not None:
        result["estimator_map"] = estimator_map(estimator, problem)
        result["estimator_mib"] = held_bytes(estimator) / 2**20
    result["peak_mib"] = peak_mib()
    return result


def train(
    classifier: torch.nn.Linear,
    estimator: Estimator | DenseMatrix | None,
    problem: Planted,
    observed: SparseObservations,
    seconds: float,
) -> dict[str, Any]:
    """ROLE (AN-LS without an estimator) for `seconds` or `PASSES` passes, whichever ends first."""
    loss = build_loss("an-ls" if estimator is None else "role")
    adam = torch.optim.Adam(classifier.parameters(), RATE)
    generator = torch.Generator().manual_seed(0)
    count, times, began = problem.tags.numel(), list[float](), time.perf_counter()
    per_pass = -(-count // BATCH)
    order = torch.empty(0, dtype=torch.long)
    while len(times) < PASSES * per_pass and (time.perf_counter() - began < seconds or len(times) <= WARM_UP):
        if len(order) == 0:
            order = torch.randperm(count, generator=generator)
        rows, order = order[:BATCH], order[BATCH:]
        started = time.perf_counter()
        inputs = problem.features[rows]
        estimate = None if estimator is None else estimator.logits(rows, inputs)
        epoch = 1 + len(times) // per_pass
        batch = Batch(observed.rows(rows), rows, epoch, PASSES, POSITIVES, estimate)
        loss(classifier(inputs), batch).backward()
        adam.step()
        adam.zero_grad()
        if estimator is not None:
            estimator.step(RATE)
        times.append(time.perf_counter() - started)
    return {"step_ms": 1e3 * statistics.median(times[WARM_UP:]), "passes": len(times) / per_pass}


def estimator_map(estimator: Estimator | DenseMatrix, problem: Planted) -> float:
    """mAP of the estimator on cells of the pool that were never observed."""
    rows = torch.arange(min(PROBED, problem.tags.numel()))
    estimated = estimator.probabilities(rows, problem.features[rows])
    truth = problem.probed[: len(rows)].clone()
    tags = problem.tags[rows]
    estimated[rows, tags], truth[rows, tags] = -1, False
    return percent_map(estimated, truth)


def held_bytes(estimator: Estimator | DenseMatrix) -> int:
    """What it keeps between steps: parameters and moments, or shares."""
    if isinstance(estimator, DenseMatrix):
        return 4 * 4 * estimator.matrix.numel()  # value, gradient while stepping, two moments
    return sum(tensor.numel() * tensor.element_size() for tensor in estimator.tensors().values())


def in_a_process(*arguments: str) -> dict[str, Any]:
    """Run this file as a child and read the JSON that it prints; a killed child is a result too."""
    try:
        child = subprocess.run(
            [sys.executable, __file__, *arguments], capture_output=True, text=True, timeout=LIMIT
        )
    except subprocess.TimeoutExpired:
        return {"refused": f"Stopped after {LIMIT} s."}
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [f"ended with {child.returncode}"]
        return {"refused": last[0]}
    return dict(json.loads(child.stdout or "{}"))


def run(images: list[int], labels: list[int], names: list[str], seconds: float) -> list[dict[str, Any]]:
    """All cells, printed as they come."""
    print(" | ".join(COLUMNS))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for n, count in ((n, count) for n in images for count in labels):
            file = Path(folder) / "problem.pt"
            in_a_process("--plant", str(file), "--images", str(n), "--labels", str(count))
            for name in names:
                row = in_a_process("--measure", name, "--problem", str(file), "--seconds", str(seconds))
                rows.append({"images": n, "labels": count, "estimator": name} | row)
                print(table_row(rows[-1]), flush=True)
    return rows


def table_row(row: dict[str, Any]) -> str:
    """One line; refusals keep their message."""
    if "refused" in row:
        return f"{row['images']:,} | {row['labels']:,} | {row['estimator']} | {row['refused']}"
    cells = [row.get(column, "-") for column in COLUMNS]
    return " | ".join(
        f"{c:,.1f}" if isinstance(c, float) else f"{c:,}" if isinstance(c, int) else c for c in cells
    )


def plot(rows: list[dict[str, Any]], file: Path) -> None:
    """MiB held and milliseconds a step by the number of images, a column for each number of labels."""
    labels = sorted({row["labels"] for row in rows})
    names = list(dict.fromkeys(row["estimator"] for row in rows))
    figure = Figure(figsize=(4 * len(labels), 6), layout="constrained")
    axes = figure.subplots(2, len(labels), sharex=True, squeeze=False)
    for column, count in enumerate(labels):
        for line, (what, unit) in enumerate((("estimator_mib", "MiB held"), ("step_ms", "ms a step"))):
            panel = axes[line, column]
            for index, name in enumerate(names):
                cells = [
                    row for row in rows if (row["labels"], row["estimator"]) == (count, name) and what in row
                ]
                if cells:
                    values = [row["images"] for row in cells], [row[what] for row in cells]
                    panel.plot(*values, marker=".", color=f"C{index}", label=name)
            panel.set(xscale="log", yscale="log", ylabel=unit, title=f"{count:,} labels" if line == 0 else "")
            panel.set_xlabel("images" if line else "")
    axes[1, 0].legend()
    figure.savefig(file, dpi=120)


def main() -> None:
    """Read the options, run, write the JSON and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="10,000 and 100,000 images, 20 and 1,000 labels")
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--labels", type=int, nargs="+", default=[20, 1_000, 10_000])
    parser.add_argument("--estimators", nargs="+", default=["none", "dense", *ESTIMATORS])
    parser.add_argument("--seconds", type=float, help="training time of a cell (default 30, quick 3)")
    parser.add_argument("--json", type=Path, default=Path("memory.json"), help="where the results go")
    for hidden in ("--plant", "--measure", "--problem"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plant:
        torch.set_num_threads(1)  # small pieces, that threads would only wait for
        plant(options.images[0], options.labels[0]).save(Path(options.plant))
        return
    if options.measure:
        print(json.dumps(measure(options.measure, Path(options.problem), options.seconds)))
        return
    images, labels = (
        (options.images[:2], options.labels[:2]) if options.quick else (options.images, options.labels)
    )
    seconds = options.seconds or (3.0 if options.quick else 30.0)
    rows = run(images, labels, options.estimators, seconds)
    machine: dict[str, Any] = {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "machine": platform.platform(),
    }
    machine |= {"torch": torch.__version__, "batch": BATCH, "seconds": seconds}
    options.json.write_text(json.dumps({"setting": machine, "rows": rows}, indent=1) + "\n")
    plot(rows, options.json.with_suffix(".png"))
    print(f"Written to {options.json} and {options.json.with_suffix('.png')}")


if __name__ == "__main__":
    main()
