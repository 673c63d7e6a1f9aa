"""What an export is worth: a head trained on exported vectors against one on the raw tags taken as complete.

    python -m benchmarks.downstream ../shared/data/coco18 --pool 2000 --test 1000
    python -m benchmarks.downstream ../shared/data/coco18 --pool 2000 --test 1000 --validation  # never tests

For each seed one label, drawn evenly from those present, is tagged on so many images of the pool; the rest is
there untagged. The shipped default learns from that, without k. Its vectors go through a store and a Parquet
file of `onetag export`, and come back by `onetag.data.soft_targets`. Every row then trains the same head, a
linear one on the backbone's frozen features, by L-BFGS on the cross-entropy of each label times its weight:

    exported          all images of the pool, soft labels and weights as exported
    with names        the same, the default also knowing what the labels' names tell, as trainings do
    hard              the same as the first, exported as hard labels: undecided ones weigh nothing
    assume negative   the tagged images, every label that is not tagged absent
    all labels        the tagged images with their true labels: what nobody has

mAP on the test images. The last two are given the best of three penalties for each number of tags, picked on
the images that they are scored on; the others take the one penalty of --penalty.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from annotator.exchange import EXPORTS, ExportChoices, Values, export_project
from annotator.store import (
    Image,
    ModelVersion,
    Observation,
    Project,
    Source,
    Store,
    live_labels,
    open_store,
    store_vectors,
    sync_images,
    sync_labels,
    upgrade,
)
from benchmarks.data import Data, add_arguments, load, percent_map, splits
from benchmarks.simulate import Mixture
from model_backend.training import Fit, Pool, Recipe, fit
from onetag.data import SoftTargets, soft_targets

PENALTIES = (0.01, 0.1, 1.0)
STEPS = 100
EXPORTED, NAMES, HARD = "exported", "with names", "hard"
ASSUMED, FULL = "assume negative", "all labels"
PICKED = (ASSUMED, FULL)
ROWS = (EXPORTED, NAMES, HARD, *PICKED)

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a head is trained on: features (N, F), targets (N, L) and weights (N, L)."""

    features: Floats
    targets: Floats
    weights: Floats


def linear_scores(lesson: Lesson, penalty: float, features: Floats) -> Floats:
    """Scores (M, L) on other features (M, F), of a linear head trained on a lesson.

    Minimises the weighted cross-entropy, summed over labels and averaged over images, plus penalty / 2 times
    the squared weights.
    """
    inputs, targets, weights = (
        torch.from_numpy(each) for each in (lesson.features, lesson.targets, lesson.weights)
    )
    matrix = torch.zeros(inputs.shape[1], targets.shape[1], requires_grad=True)
    bias = torch.zeros(targets.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([matrix, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        losses = torch.nn.functional.binary_cross_entropy_with_logits(
            inputs @ matrix + bias, targets, weight=weights, reduction="sum"
        )
        value = losses / len(inputs) + penalty / 2 * matrix.square().sum()
        torch.autograd.backward(value)
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call] # torch leaves L-BFGS untyped
    with torch.no_grad():
        scores: Floats = (torch.from_numpy(features) @ matrix + bias).numpy()
    return scores


def exported(observed: NDArray[np.int8], fitted: Fit, values: Values, folder: Path) -> SoftTargets:
    """The vectors of a training, through a store and an export, as arrays of the pool's images in order."""
    store = open_store(f"sqlite:///{folder / 'onetag.db'}")
    if not (folder / "onetag.db").exists() or not (folder / "filled").exists():
        _fill(store, observed, fitted)
        (folder / "filled").touch()
    output = folder / f"{values}.parquet"
    with store.reading() as session:
        project = session.query(Project).one()
        export_project(session, project, EXPORTS["parquet"], output, ExportChoices(values=values))
    store.close()
    return soft_targets(output)


def _fill(store: Store, observed: NDArray[np.int8], fitted: Fit) -> None:
    images, labels = observed.shape
    names = [f"label {number:03d}" for number in range(labels)]
    upgrade(store)
    with store.session() as session:
        project = Project(title="Downstream", label_config="<View/>", studio_project=1, studio_url="-")
        session.add(project)
        session.flush()
        sync_labels(session, project, names)
        sync_images(session, project.id, {number: f"{number}.jpg" for number in range(1, images + 1)})
        label_ids = [label.id for label in live_labels(session, project.id)]
        image_ids = [row.id for row in session.query(Image.id).order_by(Image.studio_task)]
        version = ModelVersion(
            project_id=project.id, name="v0001", labels=names, label_ids=label_ids, folder="v0001",
            backbone="frozen", thresholds=fitted.model.thresholds.tolist(), metrics=fitted.metrics,
        )  # fmt: skip
        session.add(version)
        session.flush()
        project.active_version_id = version.id
        store_vectors(session, version.id, image_ids, fitted.probabilities)
        session.add_all(
            Observation(
                image_id=image_ids[row],
                label_id=label_ids[column],
                value=1,
                source=Source.TAG,
                annotator="simulated",
            )
            for row, column in np.argwhere(observed > 0)
        )


def lessons(learn: Data, inputs: Floats, tags: int, seed: int) -> dict[str, Lesson]:
    """What every row is trained on, from the same tags. inputs: the pool's features (N, F), scaled."""
    observed = Mixture(0, tags).observe(learn.truth, seed=seed)
    plain = fit(Pool(learn.features, learn.blocks, observed), Recipe())
    named = fit(Pool(learn.features, learn.blocks, observed, learn.expected), Recipe())
    found = {}
    with TemporaryDirectory() as first, TemporaryDirectory() as second:
        for row, fitted, values, place in (
            (EXPORTED, plain, Values.PROBABILITIES, first),
            (HARD, plain, Values.HARD, first),
            (NAMES, named, Values.PROBABILITIES, second),
        ):
            soft = exported(observed, fitted, values, Path(place))
            some = soft.known.any(axis=1)
            found[row] = Lesson(inputs[some], soft.targets[some], soft.weights[some])
    tagged = (observed > 0).any(axis=1)
    everything = np.ones((int(tagged.sum()), observed.shape[1]), dtype=np.float32)
    found[ASSUMED] = Lesson(inputs[tagged], (observed[tagged] > 0).astype(np.float32), everything)
    found[FULL] = Lesson(inputs[tagged], learn.truth[tagged].astype(np.float32), everything)
    return found


Results = dict[str, dict[int, list[dict[float, float]]]]


def run(data: Data, arguments: argparse.Namespace) -> Results:
    """mAP (%) by row, number of tags, seed and penalty."""
    results: Results = {row: {tags: [] for tags in arguments.tags} for row in ROWS}
    sizes = arguments.pool, arguments.test, arguments.seeds
    for seed, learn, score in splits(data, *sizes, validation=arguments.validation):
        center, spread = learn.features.mean(axis=0), learn.features.std(axis=0) + 1e-6
        inputs, tested = ((each.features - center) / spread for each in (learn, score))
        for tags in arguments.tags:
            for row, lesson in lessons(learn, inputs, tags, seed).items():
                found = {
                    penalty: percent_map(linear_scores(lesson, penalty, tested), score.truth)
                    for penalty in (PENALTIES if row in PICKED else (arguments.penalty,))
                }
                results[row][tags].append(found)
        print(f"after {seed + 1} of {arguments.seeds} seeds\n{table(results)}\n", flush=True)
    return results


def table(results: Results) -> str:
    """A line for each row: mean +- standard deviation over seeds at each number of tags."""
    counts = next(iter(results.values()))
    lines = [f"{'tags':18}" + "".join(f"{count:>14,}" for count in counts)]
    for row, columns in results.items():
        lines.append(f"{row:18}" + "".join(f"{_cell(found):>14}" for found in columns.values()))
    return "\n".join(lines)


def _cell(found: list[dict[float, float]]) -> str:
    """At the penalty that is best on average."""
    if not found:
        return "-"
    by_penalty = [[seed[penalty] for seed in found] for penalty in found[0]]
    chosen = max(by_penalty, key=lambda values: float(np.mean(values)))
    return f"{np.mean(chosen):.1f} +- {np.std(chosen):.1f}"


def _numbers(text: str) -> list[int]:
    return sorted(int(part) for part in text.split(","))


def main() -> None:
    """Read the arguments, run, print the table, write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    parser.add_argument("--tags", type=_numbers, default="50,200,800,2000")
    parser.add_argument("--penalty", type=float, choices=PENALTIES, default=0.1)
    parser.add_argument("--validation", action="store_true", help="score on a part of the pool")
    parser.add_argument("--out", type=Path, default=Path("onetag-data"), help="folder for the JSON")
    arguments = parser.parse_args()
    data = load(arguments)
    results = run(data, arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    on = "validation" if arguments.validation else "test"
    file = arguments.out / f"downstream-{arguments.data.stem}-{on}.json"
    file.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print(f"Written to {file}")


if __name__ == "__main__":
    main()
