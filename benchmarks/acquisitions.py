"""Seconds and memory that each acquisition takes to score a large pool.

    python -m benchmarks.acquisitions                     # 100,000 images, 80 labels
    python -m benchmarks.acquisitions --images 10000

Planted features of 2,560 numbers an image, mapped ones of 400, and a linear head; 2,000 images hold an
answer. Each acquisition runs in a process of its own: its seconds by the clock and of the processors, without
those of making the pool, and how much more memory than the pool it held at most.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from pathlib import Path

import numpy as np

from benchmarks.peak import peak_mib
from model_backend.acquisition import ACQUISITIONS, Candidates, priority
from model_backend.acquisition.candidates import Floats

WIDTH, MAPPED, ANSWERED = 2560, 400, 2000


def planted(images: int, labels: int) -> Candidates:
    """A pool of which a linear head tells the labels, three an image."""
    random = np.random.default_rng(0)
    hidden = random.standard_normal((images, 64), dtype=np.float32)
    features = hidden @ random.standard_normal((64, WIDTH), dtype=np.float32)
    mapped = hidden @ random.standard_normal((64, MAPPED), dtype=np.float32) / np.float32(8 * MAPPED**0.5)
    head = 8 * random.standard_normal((MAPPED, labels), dtype=np.float32)

    def predict(points: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp((3 - points @ head).clip(-30, 30))), dtype=np.float32)

    answered = np.zeros(images, dtype=bool)
    answered[random.permutation(images)[:ANSWERED]] = True
    chances = predict(mapped)
    belief = random.permuted(chances, axis=0)
    return Candidates(
        chances,
        features,
        answered,
        np.full(labels, 0.6, np.float32),
        float(chances.sum(axis=1).mean()),
        belief=belief,
        mapped=mapped,
        predict=predict,
    )


def scored(name: str, images: int, labels: int) -> dict[str, float]:
    """Seconds, processor seconds and MiB that one acquisition takes."""
    candidates, before = planted(images, labels), peak_mib()
    started, worked = time.perf_counter(), time.process_time()
    priority(name, candidates)
    return {
        "seconds": time.perf_counter() - started,
        "processor": time.process_time() - worked,
        "mib": peak_mib() - before,
    }


def main() -> None:
    """Read the arguments, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--labels", type=int, default=80)
    parser.add_argument(
        "--json", type=Path, default=Path("onetag-data/acquisitions.json"), help="file to write"
    )
    arguments = parser.parse_args()
    found = {}
    for name in ACQUISITIONS:
        with multiprocessing.get_context("spawn").Pool(1) as alone:
            cost = found[name] = alone.apply(scored, (name, arguments.images, arguments.labels))
        told = f"{cost['seconds']:8.2f} s{cost['processor']:8.2f} s of processors{cost['mib']:8.0f} MiB"
        print(f"{name:14}{told}", flush=True)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    sizes = {"images": arguments.images, "labels": arguments.labels}
    arguments.json.write_text(json.dumps(sizes | {"results": found}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
