"""Seconds, size and peak memory of an export in every format, over a store of any size.

    python -m benchmarks.exchange                                         # 10k and 100k images x 80 labels
    python -m benchmarks.exchange --sizes 1000000x18 --formats csv,parquet
    python -m benchmarks.exchange --sizes 2000x80                         # a few seconds

The store is SQLite: every image has a label vector and one tag, each tenth of them eight answers more.
Formats that hold pictures copy a JPEG of some 5 KB an image, read again and again from one file. Each cell
runs in a process of its own, so that the peak of its resident memory is its own; memory is flat where it does
not grow with the images.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image as Picture
from sqlalchemy import insert
from sqlalchemy.orm import Session

from annotator.exchange import EXPORTS, export_project
from annotator.exchange.pictures import pictures_without_network
from annotator.labelstudio.config import build_config
from annotator.settings import Settings
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    Source,
    Store,
    live_labels,
    open_store,
    sync_labels,
    upgrade,
)
from annotator.store.vectors import PACKED
from benchmarks.peak import peak_mib

PIECE = 10_000
ANSWERED, MORE_ANSWERS = 10, 8  # each tenth image has eight answers more
ADDRESS = "/data/local-files/?d=photos/a.jpg&image="


@dataclass(frozen=True)
class Size:
    """So many images and labels; written 100000x80."""

    images: int
    labels: int

    @classmethod
    def read(cls, text: str) -> Size:
        """The size that a command line names."""
        images, _, labels = text.partition("x")
        return cls(int(images), int(labels))

    def __str__(self) -> str:
        return f"{self.images:,} x {self.labels}"


@dataclass(frozen=True)
class Cell:
    """What one direction and format took at one size."""

    size: str
    way: str
    format: str
    seconds: float
    peak_mib: float
    bytes: int


def fill(folder: Path, size: Size) -> None:
    """A store with a project of this size, and its one picture."""
    photos = folder / "photos"
    photos.mkdir()
    Picture.effect_noise((96, 96), 60).save(photos / "a.jpg", quality=90)
    store = open_at(folder)
    upgrade(store)
    names = [f"label {number:02d}" for number in range(size.labels)]
    with store.session() as session:
        project = Project(title="Bench", label_config=build_config(names), studio_project=1, studio_url="-")
        session.add(project)
        session.flush()
        sync_labels(session, project, names)
        labels = [label.id for label in live_labels(session, project.id)]
        version = ModelVersion(
            project_id=project.id, name="v0001", labels=names, label_ids=labels, folder="v0001",
            backbone="none", thresholds=[0.8] * len(names),
        )  # fmt: skip
        session.add(version)
        session.flush()
        project.active_version_id = version.id
        random = np.random.default_rng(0)
        for first in range(1, size.images + 1, PIECE):
            numbers = range(first, min(first + PIECE, size.images + 1))
            _add(session, project.id, version.id, labels, numbers, random)
    store.close()


def _add(
    session: Session,
    project: int,
    version: int,
    labels: list[int],
    images: range,
    random: np.random.Generator,
) -> None:
    vectors = random.beta(0.3, 3, size=(len(images), len(labels))).astype(PACKED)
    session.execute(
        insert(Image),
        [
            {"id": image, "project_id": project, "studio_task": image, "uri": f"{ADDRESS}{image}"}
            for image in images
        ],
    )
    session.execute(
        insert(LabelVector),
        [
            {"version_id": version, "image_id": image, "probabilities": vector.tobytes()}
            for image, vector in zip(images, vectors, strict=True)
        ],
    )
    observations = []
    for image in images:
        count = 1 + (MORE_ANSWERS if image % ANSWERED == 0 else 0)
        for place, label in enumerate(random.choice(labels, size=min(count, len(labels)), replace=False)):
            observations.append(
                {
                    "image_id": image,
                    "label_id": int(label),
                    "value": 1 if place % 2 == 0 else -1,
                    "source": Source.ADDED if place else Source.TAG,
                    "annotator": f"annotator {image % 5}",
                }
            )
    session.execute(insert(Observation), observations)


def open_at(folder: Path) -> Store:
    """The store in this folder."""
    return open_store(f"sqlite:///{folder / 'onetag.db'}")


def export(folder: Path, name: str) -> int:
    """Export in one format; returns the bytes written."""
    store, output = open_at(folder), folder / "out" / name
    read = pictures_without_network(Settings(local_files_root=folder))
    with store.reading() as session:
        project = session.query(Project).one()
        export_project(session, project, EXPORTS[name], output, read_picture=read)
    store.close()
    written = sum(file.stat().st_size for file in output.parent.rglob("*") if file.is_file())
    shutil.rmtree(output.parent)
    return written


# The ways through the exchange that are measured: their formats, and what to run of one.
WAYS: dict[str, tuple[tuple[str, ...], Callable[[Path, str], int]]] = {"export": (tuple(EXPORTS), export)}


def measure(folder: Path, way: str, name: str) -> dict[str, Any]:
    """One way through one format, in this process."""
    began = time.perf_counter()
    written = WAYS[way][1](folder, name)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mib": peak_mib(), "bytes": written}


def in_a_process(folder: Path, way: str, name: str) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.exchange", "--cell", str(folder), way, name]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode:
        raise SystemExit(f"{way} {name} failed:\n{child.stderr}")
    result: dict[str, Any] = json.loads(child.stdout)
    return result


def run(sizes: list[Size], formats: list[str]) -> list[Cell]:
    """Every size, way and format; printed as they come."""
    print(f"{'images x labels':>18}  {'':8}{'format':14}{'seconds':>9}{'peak MiB':>10}{'MiB written':>13}")
    cells = []
    for size in sizes:
        with TemporaryDirectory() as place:
            fill(Path(place), size)
            for way, (names, _) in WAYS.items():
                for name in (each for each in names if not formats or each in formats):
                    found = Cell(str(size), way, name, **in_a_process(Path(place), way, name))
                    cells.append(found)
                    print(
                        f"{found.size:>18}  {way:8}{name:14}{found.seconds:>9.1f}{found.peak_mib:>10,.0f}"
                        f"{found.bytes / 2**20:>13,.1f}",
                        flush=True,
                    )
    return cells


def _listed(text: str, read: Callable[[str], Any] = str) -> list[Any]:
    return [read(part) for part in text.split(",") if part]


def main() -> None:
    """Read the options, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=partial(_listed, read=Size.read), default="10000x80,100000x80")
    parser.add_argument("--formats", type=_listed, default="", help="separated by commas; all of them")
    parser.add_argument("--out", type=Path, default=Path("onetag-data/exchange.json"))
    parser.add_argument("--cell", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cell:
        print(json.dumps(measure(Path(options.cell[0]), *options.cell[1:])))
        return
    cells = run(options.sizes, options.formats)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    setting = {"machine": platform.platform(), "python": platform.python_version()}
    report = {"setting": setting, "cells": [asdict(cell) for cell in cells]}
    options.out.write_text(json.dumps(report, indent=1), encoding="utf-8")
    print(f"Written to {options.out}")


if __name__ == "__main__":
    main()
