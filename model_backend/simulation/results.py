"""The results of a simulation on disk: runs that are done are not done again."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from annotator.files import atomic_file
from model_backend.simulation.run import Point, Setup

CURVES, SETTINGS = "curves.csv", "simulation.json"
ENOUGH = 0.95  # of the mAP that all labels together teach


@dataclass(frozen=True, eq=False)
class Curve:
    """A policy's mAP in percent over the budgets: mean and spread (B,) over its seeds."""

    policy: str
    budgets: tuple[float, ...]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    seeds: int

    def seconds_to(self, wanted: float) -> float | None:
        """When the mean first reaches so many percent, straight between budgets; None where it does not.

        >>> curve = Curve("tags", (100.0, 200.0), np.array([50.0, 60.0]), np.zeros(2), 1)
        >>> curve.seconds_to(55.0), curve.seconds_to(61.0)
        (150.0, None)
        """
        above = np.flatnonzero(self.mean >= wanted)
        if not len(above):
            return None
        at = int(above[0])
        if at == 0:
            return self.budgets[0]
        share = (wanted - self.mean[at - 1]) / (self.mean[at] - self.mean[at - 1])
        return float(self.budgets[at - 1] + share * (self.budgets[at] - self.budgets[at - 1]))


class Results:
    """The points of a simulation in a folder. Raises OnetagError where it holds those of another setup."""

    def __init__(self, folder: Path, setup: Setup, images: str) -> None:
        """images: what tells the images apart from others, as a digest."""
        self.folder, self.points = folder, list[Point]()
        wanted = json.loads(json.dumps({"images": images, **asdict(setup)}))
        settings = folder / SETTINGS
        if not settings.exists():
            _write(settings, json.dumps(wanted, indent=1))
        elif (found := json.loads(settings.read_text(encoding="utf-8"))) != wanted:
            apart = ", ".join(sorted(name for name in wanted if found.get(name) != wanted[name]))
            raise OnetagError(
                f"{folder} holds a simulation with other settings ({apart}).",
                "Choose another folder with --out, or delete this one.",
            )
        if (folder / CURVES).exists():
            with (folder / CURVES).open(encoding="utf-8", newline="") as stream:
                self.points = [_point(line) for line in csv.DictReader(stream)]

    def lacking(self, policies: Iterable[str], seeds: int) -> list[tuple[str, int]]:
        """The runs that are still to do, seed by seed."""
        done = {(point.policy, point.seed) for point in self.points}
        names = list(policies)
        return [(name, seed) for seed in range(seeds) for name in names if (name, seed) not in done]

    def add(self, points: Sequence[Point]) -> None:
        """Keep the points of one run; the file is whole at any time."""
        self.points.extend(points)
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Point)])
        writer.writeheader()
        writer.writerows(asdict(point) for point in self.points)
        _write(self.folder / CURVES, text.getvalue())

    def curves(self, policies: Iterable[str], seeds: int) -> list[Curve]:
        """One for each of the policies, over the first seeds."""
        return [self._curve(name, seeds) for name in policies]

    def _curve(self, policy: str, seeds: int) -> Curve:
        mine = [point for point in self.points if point.policy == policy and point.seed < seeds]
        budgets = tuple(sorted({point.budget for point in mine}))
        scores = [
            [100 * point.mean_average_precision for point in mine if point.budget == budget]
            for budget in budgets
        ]
        return Curve(policy, budgets, np.mean(scores, axis=1), np.std(scores, axis=1), len(scores[0]))


def _point(line: dict[str, str]) -> Point:
    read: dict[str, Any] = {"policy": str, "budget": float, "spent": float, "mean_average_precision": float}
    return Point(**{name: read.get(name, int)(value) for name, value in line.items()})


def _write(file: Path, text: str) -> None:
    with atomic_file(file) as stream:
        stream.write(text.encode())
