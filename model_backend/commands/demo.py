"""`onetag demo`: the whole product on pictures whose truth is known, with a simulated annotator."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from annotator.commands.options import Backbone, DataDir, Host, Json, Port
from annotator.settings import load_settings
from model_backend.commands.children import port_or_free
from model_backend.commands.console import print_json, progress_bar, standard
from model_backend.commands.installation import Plan, running
from model_backend.commands.up import interruptible, say_where, wait

if TYPE_CHECKING:
    from rich.console import Console

    from annotator.settings import Settings
    from model_backend.demo.show import DemoOptions

DEMO_FOLDER = Path("onetag-demo")
SCENES, HELD_OUT = 400, 200

Exit = Annotated[bool, typer.Option("--exit", envvar="ONETAG_EXIT", help="Stop everything at the end.")]
DatasetFolder = Annotated[
    Path | None,
    typer.Option(
        "--dataset",
        envvar="ONETAG_DATASET",
        help="Folder with images/ and labels.csv (image, then 0 or 1 a label). [default: digit scenes]",
        show_default=False,
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        envvar="ONETAG_IMAGE_COUNT",
        min=10,
        help=f"Images to label. [default: {SCENES} scenes, or all of --dataset]",
        show_default=False,
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        "--held-out",
        envvar="ONETAG_HELD_OUT",
        min=1,
        help=f"Images to measure on, never shown. [default: {HELD_OUT} scenes, or a quarter, 500 at most]",
        show_default=False,
    ),
]
Rounds = Annotated[
    int, typer.Option("--rounds", envvar="ONETAG_ROUNDS", min=1, help="Times the annotator sits down.")
]
PerRound = Annotated[
    int | None,
    typer.Option(
        "--per-round",
        envvar="ONETAG_PER_ROUND",
        min=1,
        help="Images answered a round. [default: half of the images over all rounds]",
        show_default=False,
    ),
]
DemoStudioPort = Annotated[
    int | None,
    typer.Option(
        "--studio-port",
        envvar="ONETAG_STUDIO_PORT",
        min=1,
        max=65535,
        help="Port Label Studio listens on. [default: 8080, or a free one]",
        show_default=False,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", envvar="ONETAG_SEED", min=0, help="Seed of every random choice.")
]


def demo(
    exit_at_end: Exit = False,
    dataset: DatasetFolder = None,
    images: Images = None,
    held_out: HeldOut = None,
    rounds: Rounds = 8,
    per_round: PerRound = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    studio_port: DemoStudioPort = None,
    host: Host = None,
    port: Port = None,
    backbone: Backbone = None,
    json: Json = False,
) -> None:
    """Watch it work: a real Label Studio, a simulated annotator, suggestions that get better."""
    from model_backend.demo.show import DemoOptions  # noqa: PLC0415 (torch is slow to import)

    folder = data_dir or DEMO_FOLDER
    settings = load_settings(
        data_dir=folder / "data",
        host=host,
        port=port or port_or_free(9090),
        backbone=backbone or "handcrafted",
        seed=seed,
        retrain_idle=0.5,
    )
    wish = DemoOptions(dataset, images, held_out, rounds, per_round, seed)
    console = standard(quiet=json)
    told = show(settings, wish, folder, studio_port or port_or_free(8080), console, stay=not exit_at_end)
    if json:
        print_json(told)


def show(
    settings: Settings, wish: DemoOptions, folder: Path, studio_port: int, console: Console, *, stay: bool
) -> dict[str, Any]:
    """Run the demonstration in `folder` and return its numbers; with `stay` the servers run until Ctrl-C."""
    from model_backend.demo.features import Scorer  # noqa: PLC0415 (torch is slow to import)
    from model_backend.demo.show import fresh_folder, perform, prepare, results, summary  # noqa: PLC0415 (torch is slow to import)

    began = time.monotonic()
    fresh_folder(folder)
    material = prepare(wish, folder, SCENES, HELD_OUT)
    console.print(f"{material.name}: {material.describe()}")
    plan = Plan(
        images=material.folder,
        labels=material.train.labels,
        title=f"onetag demo: {material.name}",
        studio_port=studio_port,
        only=material.train.names,
    )
    with (
        interruptible(),
        contextlib.closing(Scorer(settings, material.train, material.test)) as scorer,
        running(settings, plan, console.print, lambda text: progress_bar(console, text)) as installation,
    ):
        with console.status("Computing features of all images ..."):
            scorer.wait()
        rounds = perform(installation, material, scorer, wish, console)
        told = summary(
            rounds, results(installation, material, rounds, folder / "results"), began, installation
        )
        for file in told["files"]:
            console.print(f"wrote {file}")
        console.print(f"Done in {told['seconds']:.0f} s.")
        if stay:
            say_where(console, installation)
            wait(installation)
    return told
