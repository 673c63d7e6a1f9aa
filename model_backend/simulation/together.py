"""Many simulated projects at once, on all cores, each in a process of its own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from model_backend.simulation.run import Images, Point, Setup, run


def run_all(
    runs: Sequence[tuple[str, int]], learn: Path, score: Path, setup: Setup, processes: int
) -> Iterator[list[Point]]:
    """The points of each run (policy, seed), as they are done. learn, score: files of `Images`."""
    if processes <= 1 or len(runs) <= 1:
        for policy, seed in runs:
            yield run(policy, Images.load(learn), Images.load(score), setup, seed)
        return
    context = multiprocessing.get_context("spawn")  # torch does not survive a fork
    with ProcessPoolExecutor(min(processes, len(runs)), context, initializer=_one_core) as pool:
        waiting = [pool.submit(_run, policy, learn, score, setup, seed) for policy, seed in runs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(policy: str, learn: Path, score: Path, setup: Setup, seed: int) -> list[Point]:
    return run(policy, Images.load(learn), Images.load(score), setup, seed)


def _one_core() -> None:
    """The other cores are for the other runs."""
    torch.set_num_threads(1)
