"""`onetag simulate`: what each policy of asking would teach on images whose truth is known, by the second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from annotator.commands.options import Json
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store.costs import TAG_SECONDS, YES_NO_SECONDS, prior_seconds
from annotator.store.states import Question
from model_backend.commands.console import print_json, progress_bar, standard
from model_backend.commands.up import interruptible

if TYPE_CHECKING:
    from model_backend.demo.dataset import Dataset
    from model_backend.simulation.results import Curve
    from model_backend.simulation.run import Images

BUDGETS = "100,175,250,350,500,700,1000,1400,2000,2800,4000"
COMPARED = "mixed;tags;complete;yes/no;tags by gradients;tags by entropy"

DatasetFolder = Annotated[
    Path,
    typer.Option(
        "--dataset",
        envvar="ONETAG_DATASET",
        help="Folder with images/ and labels.csv (image, then 0 or 1 a label).",
    ),
]
Out = Annotated[
    Path, typer.Option("--out", envvar="ONETAG_OUT", help="Folder of the results; an old run goes on there.")
]
Policies = Annotated[
    str,
    typer.Option(
        "--policies",
        envvar="ONETAG_POLICIES",
        help="Policies to compare, separated by ; (also: tags by ACQUISITION).",
    ),
]
Budgets = Annotated[
    str, typer.Option("--budgets", envvar="ONETAG_BUDGETS", help="Seconds at which to train and score.")
]
Seeds = Annotated[
    int, typer.Option("--seeds", envvar="ONETAG_SEEDS", min=1, help="Annotators, each with a seed.")
]
Images_ = Annotated[
    int | None,
    typer.Option(
        "--images", envvar="ONETAG_IMAGE_COUNT", min=10, help="Images to ask about.", show_default="all"
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        "--held-out",
        envvar="ONETAG_HELD_OUT",
        min=1,
        help="Images to score on, never asked.",
        show_default="a quarter, 500 at most",
    ),
]
Bias = Annotated[
    str,
    typer.Option(
        "--bias",
        envvar="ONETAG_BIAS",
        help="Which of the labels that are there is tagged: uniform, frequency, annotator, or size by the "
        "dataset's boxes.csv (image, label, width, height).",
    ),
]
Mistakes = Annotated[
    float,
    typer.Option(
        "--mistakes",
        envvar="ONETAG_MISTAKES",
        min=0,
        max=1,
        help="Share of the labels there that are taken for others.",
    ),
]
Lazy = Annotated[
    float,
    typer.Option(
        "--lazy",
        envvar="ONETAG_LAZY",
        min=0,
        max=1,
        help="Share of the labels to check that are left unticked without a look.",
    ),
]
TagSeconds = Annotated[
    float, typer.Option("--tag-seconds", envvar="ONETAG_TAG_SECONDS", min=0.1, help="What a tag costs.")
]
YesNoSeconds = Annotated[
    float,
    typer.Option(
        "--yes-no-seconds", envvar="ONETAG_YES_NO_SECONDS", min=0.1, help="What a yes or no to a label costs."
    ),
]
CompleteSeconds = Annotated[
    float | None,
    typer.Option(
        "--complete-seconds",
        envvar="ONETAG_COMPLETE_SECONDS",
        min=0.1,
        help="What a complete image costs.",
        show_default="a second a label up to 20, less for more",
    ),
]


@with_settings("backbone", "data_dir", "complete_share", data_dir=Path("onetag-simulation"))
def simulate(  # noqa: PLR0913 (each is an option)
    settings: Settings,
    *,
    dataset: DatasetFolder,
    out: Out = Path("onetag-simulation/results"),
    policies: Policies = COMPARED,
    budgets: Budgets = BUDGETS,
    seeds: Seeds = 5,
    images: Images_ = None,
    held_out: HeldOut = None,
    bias: Bias = "uniform",
    mistakes: Mistakes = 0.0,
    lazy: Lazy = 0.0,
    tag_seconds: TagSeconds = TAG_SECONDS,
    yes_no_seconds: YesNoSeconds = YES_NO_SECONDS,
    complete_seconds: CompleteSeconds = None,
    json: Json = False,
) -> None:
    """Compare ways of asking on images whose truth is known: mAP against an annotator's seconds."""
    from model_backend.acquisition.questions import Seconds  # noqa: PLC0415 (learning is slow to import)
    from model_backend.demo.boxes import read_areas  # noqa: PLC0415 (NumPy)
    from model_backend.simulation.annotator import Habits  # noqa: PLC0415 (learning is slow to import)
    from model_backend.simulation.compare import compare  # noqa: PLC0415 (learning is slow to import)
    from model_backend.simulation.picks import find_bias  # noqa: PLC0415 (learning is slow to import)
    from model_backend.simulation.policies import check_policies  # noqa: PLC0415 (learning is slow to import)
    from model_backend.simulation.run import Setup  # noqa: PLC0415 (learning is slow to import)

    names = check_policies([part.strip() for part in policies.split(";") if part.strip()])
    console = standard(quiet=json)
    train, test = _split(dataset, images, held_out)
    labels = len(train.labels)
    whole = prior_seconds(Question.COMPLETE, labels) if complete_seconds is None else complete_seconds
    setup = Setup(
        read_budgets(budgets),
        Seconds(tag_seconds, yes_no_seconds, whole),
        Habits(find_bias(bias).name, mistakes, lazy),
        settings.complete_share,
    )
    areas = read_areas(dataset, train) if bias == "size" else None
    learn, score = _features(settings, train, test, console)
    learn = replace(learn, areas=areas)
    with interruptible(), progress_bar(console, "Simulating") as report:
        results, full = compare(out, names, (learn, score), setup, seeds, report)
    curves = results.curves(names, seeds)
    files = _draw(curves, full, out, f"{dataset.name}: {len(train.files)} images, {labels} labels")
    if json:
        print_json(_numbers(curves, full, files))
    else:
        console.print(_table(curves, full))
        for file in files:
            console.print(f"wrote {file}")


def read_budgets(text: str) -> tuple[float, ...]:
    """Rising seconds, from 100,200. Raises OnetagError for anything else."""
    try:
        budgets = tuple(float(part) for part in text.split(","))
    except ValueError:
        budgets = ()
    if not budgets or list(budgets) != sorted(set(budgets)) or budgets[0] <= 0:
        raise OnetagError(f"{text!r} are no rising numbers of seconds.", f"Write them as {BUDGETS}.")
    return budgets


def _split(folder: Path, images: int | None, held_out: int | None) -> tuple[Dataset, Dataset]:
    from model_backend.demo.dataset import read_dataset, split  # noqa: PLC0415 (NumPy)

    return split(folder, read_dataset(folder), images, held_out, 0)


def _features(settings: Settings, train: Dataset, test: Dataset, console: Console) -> tuple[Images, Images]:
    """What the backbone makes of both parts; kept in the data folder for the next time."""
    import numpy as np  # noqa: PLC0415 (only commands that learn)

    from model_backend.backbones import load_backbone  # noqa: PLC0415 (learning is slow to import)
    from model_backend.features import FeatureCache, extract  # noqa: PLC0415 (learning is slow to import)
    from model_backend.simulation.run import Images  # noqa: PLC0415 (learning is slow to import)

    backbone = load_backbone(settings.backbone)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    cache = FeatureCache(settings.data_dir / "features.db")
    parts = []
    with progress_bar(console, "Computing features of all images ...") as report:
        count = len(train.files) + len(test.files)
        for part, before in ((train, 0), (test, len(train.files))):

            def done(share: float, part: Dataset = part, before: int = before) -> None:
                report(before + round(share * len(part.files)), count)

            items = [(file.name, file.read_bytes) for file in part.files]
            found = extract(items, backbone, cache, done)
            if found.problems:
                index, problem = next(iter(found.problems.items()))
                raise OnetagError(f"{part.files[index]}: {problem}", "Mend or leave out the image.")
            expected = backbone.expected(found.features, part.labels)
            truth = part.truth.astype(np.int8)
            parts.append(Images(found.features, tuple(backbone.blocks), truth, expected))
    return parts[0], parts[1]


def _draw(curves: Sequence[Curve], full: float, out: Path, title: str) -> list[Path]:
    from model_backend.simulation.picture import draw_curves  # noqa: PLC0415 (matplotlib)
    from model_backend.simulation.results import CURVES  # noqa: PLC0415 (learning is slow to import)

    picture = out / "curves.png"
    draw_curves(curves, full, picture, title)
    return [out / CURVES, picture]


def _table(curves: Sequence[Curve], full: float) -> Table:
    from model_backend.simulation.results import ENOUGH  # noqa: PLC0415 (learning is slow to import)

    title = f"mAP in %; every label of every image teaches {full:.1f}"
    table = Table(title=title, title_justify="left", box=box.SIMPLE, pad_edge=False, collapse_padding=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    for curve in curves:
        table.add_column(curve.policy, justify="right", min_width=len("99.9±10.0"))
    for row, budget in enumerate(curves[0].budgets):
        table.add_row(f"{budget:g}", *(f"{each.mean[row]:.1f}±{each.spread[row]:.1f}" for each in curves))
    table.add_section()
    reached = (curve.seconds_to(ENOUGH * full) for curve in curves)
    table.add_row(f"{ENOUGH:.0%} of all", *("-" if each is None else f"{each:.0f} s" for each in reached))
    return table


def _numbers(curves: Sequence[Curve], full: float, files: Sequence[Path]) -> dict[str, Any]:
    from model_backend.simulation.results import ENOUGH  # noqa: PLC0415 (learning is slow to import)

    return {
        "full_labels": full,
        "policies": [
            {
                "policy": curve.policy,
                "seeds": curve.seeds,
                "seconds": curve.budgets,
                "mean_average_precision": curve.mean.tolist(),
                "spread": curve.spread.tolist(),
                "seconds_to_95_percent": curve.seconds_to(ENOUGH * full),
            }
            for curve in curves
        ],
        "files": [str(file) for file in files],
    }
