"""The share of right suggestions, tag by tag, as an annotator meets them who never reviews one.

    python -m benchmarks.suggestions ../shared/data/coco18 --pool 2000 --test 1000
    python -m benchmarks.suggestions ../shared/data/ucmerced --names

Each seed tags one label, drawn evenly from those present, on more and more images of the pool; after each
step the default learns and suggests, k unknown and nothing reviewed. Counted are the suggestions on images
that are not tagged. `useful`: right, and another label than the one that the annotator would choose there.
The first useful step is the smallest number of tags at which there is one. --names gives what the backbone
expects by the labels' names, as trainings do. Test images are never read.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import Data, add_arguments, load, splits
from model_backend.simulation.picks import single_positives
from model_backend.training import LabelModel, Pool, Recipe, fit


@dataclass(frozen=True)
class Step:
    """The suggestions after some tags, on the images without one: how many, right, useful; the images."""

    tags: int
    suggested: int
    right: int
    useful: int
    images: int


def walk(learn: Data, counts: list[int], seed: int, precision: float) -> list[Step]:
    """The steps of one seed."""
    steps: list[Step] = []
    previous: LabelModel | None = None
    chosen = single_positives(learn.truth, int((learn.truth > 0).any(axis=1).sum()), seed=seed + 1000) > 0
    for count in counts:
        observed = single_positives(learn.truth, count, seed=seed)
        pool = Pool(learn.features, learn.blocks, observed, learn.expected)
        fitted = fit(pool, Recipe(), previous=previous, precision=precision)
        previous = fitted.model
        waiting = ~observed.any(axis=1)
        suggested = (fitted.probabilities >= fitted.model.thresholds)[waiting]
        right = suggested & (learn.truth[waiting] > 0)
        useful = right & ~chosen[waiting]
        steps.append(
            Step(count, int(suggested.sum()), int(right.sum()), int(useful.sum()), int(waiting.sum()))
        )
    return steps


def table(walks: list[list[Step]]) -> str:
    """A line a step: suggestions an image, their share that is right (mean and spread over seeds), recall."""
    lines = [f"{'tags':>6}{'suggestions an image':>22}{'right, %':>16}{'seeds with some':>17}"]
    for steps in zip(*walks, strict=True):
        shares = [100 * step.right / step.suggested for step in steps if step.suggested]
        right = f"{np.mean(shares):.1f} +- {np.std(shares):.1f}" if shares else "-"
        rate = np.mean([step.suggested / max(step.images, 1) for step in steps])
        lines.append(f"{steps[0].tags:>6}{rate:>22.2f}{right:>16}{len(shares):>12} of {len(steps)}")
    return "\n".join(lines)


def first_useful(steps: list[Step]) -> int | None:
    """The fewest tags that brought a useful suggestion."""
    return next((step.tags for step in steps if step.useful), None)


def main() -> None:
    """Read the arguments, walk, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--counts", default="1,2,5,10,15,20,25,30,40,50,60,100,200,400,800")
    parser.add_argument("--names", action="store_true", help="give what the labels' names tell")
    parser.add_argument("--precision", type=float, default=0.8)
    parser.add_argument("--out", type=Path, default=Path("onetag-data"), help="folder for the JSON")
    arguments = parser.parse_args()
    counts = [int(each) for each in arguments.counts.split(",")]
    walks: list[list[Step]] = []
    sizes = (arguments.pool, arguments.test)
    data = load(arguments)
    data = data if arguments.names else replace(data, expected=None)
    for seed, learn, _ in splits(data, *sizes, arguments.seeds, validation=False):
        walks.append(walk(learn, counts, seed, arguments.precision))
        print(f"\nafter {len(walks)} of {arguments.seeds} seeds\n{table(walks)}", flush=True)
    firsts = [first_useful(steps) for steps in walks]
    print(f"\nthe first useful suggestion, by seed: {', '.join(str(each or 'none') for each in firsts)} tags")
    arguments.out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "first_useful": firsts,
        "walks": [[vars(step) for step in each] for each in walks],
    }
    file = arguments.out / f"suggestions-{arguments.data.stem}.json"
    file.write_text(json.dumps(report, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
