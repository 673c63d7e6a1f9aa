"""mAP of the shipped default, of every loss and every estimator, from one positive an image, on real images.

    python -m benchmarks.accuracy ../shared/data/ucmerced
    python -m benchmarks.accuracy ../shared/data/coco18 --pool 2000 --test 1000
    python -m benchmarks.accuracy ../shared/data/coco18 --pool 2000 --test 1000 --rows default --names
    python -m benchmarks.accuracy planted:correlated --pool 2000 --test 1000
    python -m benchmarks.accuracy ../shared/data/ucmerced --validation   # for choosing: never tests

The pool is the beginning, the test set the end of one fixed permutation of the images. On the pool, each seed
tags one label, drawn evenly from those present, on the column's number of images; the rest of the pool is
there untagged. A column C+T has C images reviewed completely and a label tagged on T others. k is the pool's
true mean, given as the user's. `full` rows know every label of the tagged images. --names gives
the default what its backbone expects by the labels' names, as trainings do. --validation scores on a fifth of
the pool, held out by seed, in place of the test set.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.data import Data, add_arguments, load, percent_map, splits
from benchmarks.simulate import Mixture
from model_backend.estimators import ESTIMATORS
from model_backend.losses import LOSSES
from model_backend.simulation.picks import BIASES, full_labels
from model_backend.training import LabelModel, Pool, Recipe, fit, label_propensity, retrieval_at
from model_backend.training.mapped_pool import transformed

DEFAULT, FULL = "default", "full, bce"


def recipes(which: str) -> dict[str, tuple[Recipe, bool]]:
    """By name: a recipe, and whether all labels of the tagged images are known."""
    rows = {DEFAULT: (Recipe(), False), FULL: (Recipe(loss="bce"), True)}
    if which != "default":
        rows |= {name: (Recipe(loss=name), False) for name in LOSSES if name not in ("bce", "bce-ls", "iun")}
        rows |= {
            f"role, {name}": (Recipe(loss="role", estimator=name), False)
            for name in ESTIMATORS
            if name != "matrix"
        }
    return rows


def run(data: Data, arguments: argparse.Namespace) -> dict[str, Any]:
    """Every row at every count and seed: mAP in %, seconds, precision and recall of suggestions."""
    chosen = recipes(arguments.rows)
    results: dict[str, dict[str, list[dict[str, float]]]] = {
        name: {str(count): [] for count in arguments.counts} for name in chosen
    }
    previous: LabelModel | None = None
    sizes = (arguments.pool, arguments.test)
    for seed, learn, score in splits(data, *sizes, arguments.seeds, validation=arguments.validation):
        truth = float(learn.truth.sum(axis=1).mean())
        positives = None if arguments.unknown_k else arguments.wrong_k * truth
        mapped: torch.Tensor | None = None
        for count in arguments.counts:
            observed = count.observe(learn.truth, seed=seed, bias=arguments.bias, mistakes=arguments.mistakes)
            known = full_labels(learn.truth, observed)
            rates = learn.truth.mean(axis=0)
            propensity = label_propensity(observed, rates) if arguments.propensity else None
            for name, (recipe, full) in chosen.items():
                expected = learn.expected if arguments.names else None
                pool = Pool(learn.features, learn.blocks, known if full else observed, expected)
                begun = time.perf_counter()
                fitted = fit(
                    pool, recipe, expected_positives=positives, previous=previous, propensity=propensity
                )
                seconds = time.perf_counter() - begun
                model = fitted.model
                if mapped is None or previous is None or model.feature_map is not previous.feature_map:
                    mapped = transformed(model.feature_map, score.features)
                previous = model
                results[name][str(count)].append(_scored(model, mapped, score, truth) | {"seconds": seconds})
        print(
            f"\nafter {seed + 1} of {arguments.seeds} seeds\n{table(results, arguments.counts)}", flush=True
        )
        previous = None if arguments.validation else previous
    return results


def _scored(model: LabelModel, mapped: torch.Tensor, score: Data, truth: float) -> dict[str, float]:
    probabilities = model.predict_mapped(mapped)
    found = retrieval_at(probabilities, score.truth, model.thresholds)
    return {
        "map": percent_map(probabilities, score.truth),
        "precision": found.precision,
        "recall": found.recall,
        "k": model.expected_positives,
        "true_k": truth,
    }


def table(results: dict[str, Any], counts: list[Mixture]) -> str:
    """The printed table: mean mAP +- spread (standard deviation over seeds), seconds at the last count."""
    lines = [f"{'':18}" + "".join(f"{count!s:>14}" for count in counts) + f"{'seconds':>10}"]
    for name, columns in results.items():
        cells = [_cell([item["map"] for item in columns[str(count)]]) for count in counts]
        seconds = np.median([item["seconds"] for item in columns[str(counts[-1])]])
        lines.append(f"{name:18}" + "".join(f"{cell:>14}" for cell in cells) + f"{seconds:>10.2f}")
    return "\n".join(lines)


def _cell(values: list[float]) -> str:
    return f"{np.mean(values):.1f} +- {np.std(values):.1f}"


def plot(results: dict[str, Any], counts: list[Mixture], title: str, file: Path) -> None:
    """Learning curves over tags of all rows; the default and the full labels stand out."""
    counts = [count for count in counts if not count.complete]
    tags = [count.tags for count in counts]
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    for name, columns in results.items():
        values = np.array([[item["map"] for item in columns[str(count)]] for count in counts])
        strong = {DEFAULT: {"color": "C0", "zorder": 3}, FULL: {"color": "C1", "zorder": 2}}.get(name)
        style: dict[str, Any] = strong or {"color": "0.7", "linewidth": 0.8}
        label = name if strong else None
        axes.plot(tags, values.mean(axis=1), marker=".", label=label, **style)
        if strong:
            low, high = values.mean(axis=1) - values.std(axis=1), values.mean(axis=1) + values.std(axis=1)
            axes.fill_between(tags, low, high, color=style["color"], alpha=0.2)
    axes.set(xscale="log", xlabel="images tagged", ylabel="mAP (%)", title=title)
    axes.plot([], [], color="0.7", label="each loss and estimator")
    axes.legend()
    figure.savefig(file, dpi=120)


def _mixtures(text: str) -> list[Mixture]:
    return [Mixture.read(part) for part in text.split(",")]


def main() -> None:
    """Read the arguments, run, write JSON and PNG, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument(
        "--counts", type=_mixtures, default="50,200,800,1600", help="tags, or reviews+tags, as 50,100+100"
    )
    parser.add_argument("--rows", choices=("all", "default"), default="all")
    parser.add_argument("--validation", action="store_true", help="score on a part of the pool")
    parser.add_argument("--names", action="store_true", help="give what the labels' names tell")
    parser.add_argument("--bias", choices=[name for name in BIASES if name != "size"], default="uniform")
    parser.add_argument(
        "--propensity", action="store_true", help="correct for the bias, labels' true rates known"
    )
    parser.add_argument("--mistakes", type=float, default=0.0, help="share of tags that are wrong")
    parser.add_argument("--wrong-k", type=float, default=1.0, help="factor on the k that is given")
    parser.add_argument("--unknown-k", action="store_true", help="give no k: it is estimated from the tags")
    parser.add_argument(
        "--out", type=Path, default=Path("onetag-data"), help="folder for the JSON and the plot"
    )
    arguments = parser.parse_args()
    data = load(arguments)
    results = run(data, arguments)
    on = "validation" if arguments.validation else "test"
    print(f"\n{arguments.data.stem}: mAP (%) on {on} images, mean +- spread over {arguments.seeds} seeds")
    print(table(results, arguments.counts))
    arguments.out.mkdir(parents=True, exist_ok=True)
    stem = arguments.out / f"accuracy-{arguments.data.stem}-{on}"
    settings = {name: str(value) for name, value in vars(arguments).items()}
    report = {"settings": settings, "default": asdict(Recipe()), "results": results}
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    if any(not count.complete for count in arguments.counts):
        plot(results, arguments.counts, f"{arguments.data.stem}, {on} images", stem.with_suffix(".png"))


if __name__ == "__main__":
    main()
