"""`onetag demo`: the whole product on pictures whose truth is known, with a simulated annotator."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from annotator.commands.options import Json
from annotator.commands.with_settings import Unset, with_settings
from annotator.flags import Panel
from annotator.settings import Settings
from model_backend.commands.console import print_json, progress_bar, standard
from model_backend.commands.following import follow
from model_backend.commands.up import interruptible, say_where
from model_backend.engine.retrain_policy import LEAST_OBSERVATIONS
from model_backend.stack.installation import Plan, running
from model_backend.stack.ports import port_or_free

if TYPE_CHECKING:
    from model_backend.demo.show import DemoOptions

DEMO_FOLDER = Path("onetag-demo")
SCENES, HELD_OUT = 400, 200

Exit = Annotated[bool, typer.Option("--exit", envvar="ONETAG_EXIT", help="Stop everything at the end.")]
DatasetFolder = Annotated[
    Path | None,
    typer.Option(
        "--dataset",
        envvar="ONETAG_DATASET",
        help="Folder with images/ and labels.csv (image, then 0 or 1 a label).",
        show_default="digit scenes",
    ),
]
Images = Annotated[
    int | None,
    typer.Option(
        "--images",
        envvar="ONETAG_IMAGE_COUNT",
        min=10,
        help="Images to label.",
        show_default=f"{SCENES} scenes, or all of --dataset",
    ),
]
HeldOut = Annotated[
    int | None,
    typer.Option(
        "--held-out",
        envvar="ONETAG_HELD_OUT",
        min=1,
        help="Images to measure on, never shown.",
        show_default=f"{HELD_OUT} scenes, or a quarter, 500 at most",
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
        min=LEAST_OBSERVATIONS,
        help="Images answered a round.",
        show_default="half of the images over all rounds",
    ),
]
DemoStudioPort = Annotated[
    int | None,
    typer.Option(
        "--studio-port",
        envvar="ONETAG_STUDIO_PORT",
        min=1,
        max=65535,
        rich_help_panel=Panel.STUDIO,
        help="Port Label Studio listens on.",
        show_default="8080, or the next that is free",
    ),
]


@with_settings(
    Panel.LEARNING,
    "host",
    "precision",
    "acquisition",
    "window",
    "clusters",
    data_dir=DEMO_FOLDER,
    port=Unset("9090, or the next that is free"),
    backbone=Unset("handcrafted for the digit scenes, auto for --dataset"),
    retrain_idle=0.5,
    without=("end_to_end",),
)
def demo(  # noqa: PLR0913 (each is an option)
    settings: Settings,
    *,
    dataset: DatasetFolder = None,
    images: Images = None,
    held_out: HeldOut = None,
    rounds: Rounds = 8,
    per_round: PerRound = None,
    studio_port: DemoStudioPort = None,
    exit_at_end: Exit = False,
    json: Json = False,
) -> None:
    """Watch it work: a real Label Studio, a simulated annotator, suggestions that get better."""
    from model_backend.demo.show import DemoOptions  # noqa: PLC0415 (the demo draws and learns)

    folder = settings.data_dir
    port = settings.port if "port" in settings.model_fields_set else port_or_free(settings.port)
    given = "backbone" in settings.model_fields_set
    backbone = settings.backbone if given else "handcrafted" if dataset is None else "auto"
    here = settings.model_copy(update={"data_dir": folder / "data", "port": port, "backbone": backbone})
    options = DemoOptions(dataset, images, held_out, rounds, per_round, settings.seed)
    console = standard(quiet=json)
    numbers = show(here, options, folder, studio_port or port_or_free(8080), console, stay=not exit_at_end)
    if json:
        print_json(numbers)


def show(
    settings: Settings, options: DemoOptions, folder: Path, studio_port: int, console: Console, *, stay: bool
) -> dict[str, Any]:
    """Run the demonstration in `folder` and return its numbers; with `stay` the servers run until Ctrl-C."""
    from model_backend.demo.features import Scorer  # noqa: PLC0415 (the demo draws and learns)
    from model_backend.demo.show import (  # noqa: PLC0415 (the demo draws and learns)
        fresh_folder,
        perform,
        prepare,
        results,
        summary,
    )

    began = time.monotonic()
    fresh_folder(folder)
    material = prepare(options, folder, SCENES, HELD_OUT)
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
        rounds = perform(installation, material, scorer, options, console)
        numbers = summary(
            rounds, results(installation, material, rounds, folder / "results"), began, installation
        )
        for file in numbers["files"]:
            console.print(f"wrote {file}")
        console.print(f"Done in {numbers['seconds']:.0f} s.")
        if stay:
            say_where(console, installation, again="plays it anew")
            follow(installation, console)
    return numbers
