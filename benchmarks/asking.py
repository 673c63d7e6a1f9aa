"""What each order of asking teaches: mAP after so many tags, on images that the product would have asked.

    python -m benchmarks.asking ../shared/data/ucmerced
    python -m benchmarks.asking ../shared/data/coco18 --pool 2000 --test 1000
    python -m benchmarks.asking ../shared/data/ucmerced --validation --seeds 3   # for choosing: never tests

Each seed tags the same images to start with: at random, or with --first typical those that the product asks
before there is a model. Then, step by step, the shipped default learns, the acquisition scores the images,
and the first ones of its queue are tagged: where it does not spread its order itself, after clusters took
turns, as trainings publish it. An image is tagged with the same label, drawn evenly from those present,
whoever asks for it; one without any label is passed over, and k is the pool's true mean, given as the
user's. `entropy, no turns` leaves out the turns. --validation scores on a fifth of the pool, held out by
seed, in place of the test set. --named tells how many labels the first tags name, by the order of the first
images: as they come, at random, typical ones first.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import Data, add_arguments, load, percent_map, splits, validation_rows
from model_backend.acquisition import ACQUISITIONS, clusters, cold_start, find_acquisition, priority
from model_backend.engine.suggest import in_turns, queue_scores
from model_backend.simulation.picks import single_positives
from model_backend.training import Fit, LabelModel, Pool, Recipe, candidates_of, fit

GROUPS = 8  # that take turns, as the product has them unless told otherwise
NO_TURNS = "entropy, no turns"
RANDOM, TYPICAL, IMPORT = "random", "typical", "import"
Rows = NDArray[np.intp]


def queue(name: str, pool: Pool, fitted: Fit, groups: NDArray[np.int64], seed: int) -> Rows:
    """The images without an answer in the order in which the product would ask them."""
    candidates = candidates_of(fitted, pool.features, pool.observed)
    entry = find_acquisition("entropy" if name == NO_TURNS else name)
    scores = queue_scores(priority(entry.name, candidates, seed=seed)).tolist()
    free = np.flatnonzero(candidates.free)
    waiting = [scores[row] for row in free]
    if not entry.spread and name != NO_TURNS:
        waiting = in_turns(waiting, [int(groups[row]) for row in free])
    return free[np.argsort(waiting, kind="stable")]


def first_tags(first: str, learn: Data, answers: NDArray[np.int8], count: int, seed: int) -> NDArray[np.int8]:
    """So many of the answers (N, L), before there is a model: on images as they come, or in an order."""
    if first == RANDOM:
        return single_positives(learn.truth, count, seed=seed)
    order: Rows = np.arange(len(answers))
    if first == TYPICAL:
        order = np.argsort(-cold_start(learn.features, seed=seed), kind="stable")
    rows = order[(answers[order] != 0).any(axis=1)][:count]
    observed = np.zeros_like(answers)
    observed[rows] = answers[rows]
    return observed


def asked(
    name: str, learn: Data, score: Data, seed: int, *, counts: list[int], step: int, first: str
) -> list[float]:
    """mAP (%) at each count of tags, the first of them before there is a model."""
    answers = single_positives(learn.truth, int((learn.truth > 0).any(axis=1).sum()), seed=seed)
    observed = first_tags(first, learn, answers, counts[0], seed)
    groups, positives = clusters(learn.features, GROUPS, seed), float(learn.truth.sum(axis=1).mean())
    previous: LabelModel | None = None
    found = []
    while True:
        pool = Pool(learn.features, learn.blocks, observed)
        fitted = fit(pool, Recipe(), expected_positives=positives, previous=previous)
        previous, tags = fitted.model, int((observed > 0).sum())
        if tags in counts:
            found.append(percent_map(fitted.model.predict(score.features), score.truth))
        if tags >= counts[-1]:
            return found
        order = queue(name, pool, fitted, groups, seed)
        order = order[(answers[order] != 0).any(axis=1)]
        until = min(step, next(count for count in counts if count > tags) - tags)
        observed = observed.copy()
        observed[order[:until]] = answers[order[:until]]


def run(data: Data, arguments: argparse.Namespace) -> dict[str, list[list[float]]]:
    """By acquisition: for each seed the mAP (%) at each count. Prints each row as it is done."""
    results: dict[str, list[list[float]]] = {}
    for name in arguments.acquisitions:
        parts = splits(data, arguments.pool, arguments.test, arguments.seeds, validation=arguments.validation)
        options = {"counts": arguments.counts, "step": arguments.step, "first": arguments.first}
        results[name] = [asked(name, learn, score, seed, **options) for seed, learn, score in parts]
        means, spreads = np.mean(results[name], axis=0), np.std(results[name], axis=0)
        cells = (f"{mean:.1f} +- {spread:.1f}" for mean, spread in zip(means, spreads, strict=True))
        print(f"{name:18}" + "".join(f"{cell:>14}" for cell in cells), flush=True)
    return results


def print_named(data: Data, arguments: argparse.Namespace) -> None:
    """By the order of the first images: how many labels the tags at each count name, over the seeds."""
    for first in (IMPORT, RANDOM, TYPICAL):
        named = []
        for seed in range(arguments.seeds):
            learn = data.rows(np.sort(validation_rows(len(data.truth), arguments.pool, seed)[0]))
            answers = single_positives(learn.truth, int((learn.truth > 0).any(axis=1).sum()), seed=seed)
            tags = [first_tags(first, learn, answers, count, seed) for count in arguments.counts]
            named.append([int((each > 0).any(axis=0).sum()) for each in tags])
        cells = zip(np.mean(named, axis=0), np.std(named, axis=0), strict=True)
        print(f"{first:18}" + "".join(f"{f'{mean:.1f} +- {spread:.1f}':>14}" for mean, spread in cells))


def _counts(text: str) -> list[int]:
    counts = [int(part) for part in text.split(",")]
    if counts != sorted(set(counts)) or counts[0] < 1:
        raise argparse.ArgumentTypeError("counts rise, from 1 on, as 50,100,200")
    return counts


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(";")]
    unknown = [name for name in names if name not in (*ACQUISITIONS, NO_TURNS)]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {'; '.join((*ACQUISITIONS, NO_TURNS))}")
    return names


def main() -> None:
    """Read the arguments, run, print, write the JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    every = ";".join((*ACQUISITIONS, NO_TURNS))
    parser.add_argument("--acquisitions", type=_names, default=every, help=f"of {every}")
    parser.add_argument("--counts", type=_counts, default="50,100,150,200,300,400", help="tags")
    parser.add_argument("--step", type=int, default=50, help="answers between two trainings")
    parser.add_argument("--first", choices=(RANDOM, TYPICAL, IMPORT), default=RANDOM, help="the first images")
    parser.add_argument("--named", action="store_true", help="only count the labels that the first tags name")
    parser.add_argument("--validation", action="store_true", help="score on a part of the pool")
    parser.add_argument("--json", type=Path, default=Path("onetag-data/asking.json"), help="file to write")
    arguments = parser.parse_args()
    if arguments.named:
        print_named(load(arguments), arguments)
        return
    print(f"{'tags':18}" + "".join(f"{count:>14}" for count in arguments.counts), flush=True)
    results = run(load(arguments), arguments)
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    settings = {name: str(value) for name, value in vars(arguments).items()}
    report = {"settings": settings, "counts": arguments.counts, "results": results}
    arguments.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
