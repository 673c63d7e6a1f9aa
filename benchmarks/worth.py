"""What a tag is worth: how many completely labelled images teach as much as so many tagged ones.

    python -m benchmarks.worth ../shared/data/ucmerced
    python -m benchmarks.worth ../shared/data/coco18 --pool 2000 --test 1000 --tags 50,200,800,2000

For each seed the shipped default learns from tags, and from the same images labelled completely; `bce` is a
linear head on the completely labelled images alone. The number of complete images with the same mAP on the
test images is read off the curve through the measured ones, straight between them over the logarithm of
their number. Where a curve ends before, the number is its end, marked < or >.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.data import Data, add_arguments, load, percent_map, splits
from benchmarks.simulate import Mixture
from model_backend.training import LabelModel, Pool, Recipe, fit
from model_backend.training.mapped_pool import transformed

COMPLETE = {"default": Recipe(), "bce": Recipe(loss="bce")}


@dataclass(frozen=True)
class Worth:
    """So many complete images are worth as much; beyond: -1 at fewer than were measured, 1 at more."""

    images: float
    beyond: int = 0


def worth(score: float, counts: list[int], scores: list[float]) -> Worth:
    """Where the curve through (counts, scores) first reaches `score`, by the logarithm of the count.

    >>> worth(50.0, [10, 100, 1000], [40.0, 60.0, 80.0]).images.__round__()
    32
    >>> worth(90.0, [10, 100], [40.0, 60.0])
    Worth(images=100, beyond=1)
    """
    rising = np.maximum.accumulate(scores)
    if score <= rising[0]:
        return Worth(counts[0], -1 if score < rising[0] else 0)
    if score > rising[-1]:
        return Worth(counts[-1], 1)
    right = int(np.searchsorted(rising, score))
    share = (score - rising[right - 1]) / (rising[right] - rising[right - 1])
    low, high = np.log(counts[right - 1]), np.log(counts[right])
    return Worth(float(np.exp(low + share * (high - low))))


def scored(learn: Data, test: Data, mixtures: list[Mixture], recipe: Recipe, seed: int) -> list[float]:
    """Test mAP (%) of a recipe after each mixture, in order."""
    previous: LabelModel | None = None
    result = []
    for mixture in mixtures:
        pool = Pool(learn.features, learn.blocks, mixture.observe(learn.truth, seed=seed))
        positives = float(learn.truth.sum(axis=1).mean())
        previous = fit(pool, recipe, expected_positives=positives, previous=previous).model
        mapped = transformed(previous.feature_map, test.features)
        result.append(percent_map(previous.predict_mapped(mapped), test.truth))
    return result


def cell(found: list[Worth]) -> str:
    """Mean and spread over seeds; < or > where that holds for any."""
    images = [each.images for each in found]
    sign = "".join(mark for mark, side in (("<", -1), (">", 1)) if any(each.beyond == side for each in found))
    return f"{sign}{np.mean(images):,.0f} +- {np.std(images):,.0f}"


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


def main() -> None:
    """Read the arguments, run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--tags", type=_numbers, default="50,200,800,1600")
    parser.add_argument("--complete", type=_numbers, default="10,25,50,100,200,400,800,1600")
    parser.add_argument("--out", type=Path, default=Path("onetag-data"), help="folder for the JSON")
    arguments = parser.parse_args()
    data = load(arguments)
    found: dict[str, dict[int, list[Worth]]] = {
        name: {count: [] for count in arguments.tags} for name in COMPLETE
    }
    for seed, learn, test in splits(data, arguments.pool, arguments.test, arguments.seeds, validation=False):
        tagged = scored(learn, test, [Mixture(0, tags) for tags in arguments.tags], Recipe(), seed)
        for name, recipe in COMPLETE.items():
            complete = [Mixture(count, 0) for count in arguments.complete]
            scores = scored(learn, test, complete, recipe, seed)
            for tags, score in zip(arguments.tags, tagged, strict=True):
                found[name][tags].append(worth(score, arguments.complete, scores))
        print(f"after {seed + 1} of {arguments.seeds} seeds\n{table(found)}\n", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = {
        name: {tags: [vars(each) for each in row] for tags, row in rows.items()}
        for name, rows in found.items()
    }
    (arguments.out / f"worth-{arguments.data.stem}.json").write_text(
        json.dumps(report, indent=1), encoding="utf-8"
    )


def table(found: dict[str, dict[int, list[Worth]]]) -> str:
    """A line for each way of learning from complete images, a column for each number of tags."""
    counts = next(iter(found.values()))
    lines = [f"{'tags':10}" + "".join(f"{count:>16,}" for count in counts)]
    lines += [
        f"{name:10}" + "".join(f"{cell(row):>16}" for row in rows.values()) for name, rows in found.items()
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
