"""`onetag demo`: the whole product on pictures whose truth is known, with a simulated annotator."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from annotator.commands.options import DataDir, Host, Json, Port, StudioPort

if TYPE_CHECKING:
    from model_backend.demo.dataset import Dataset

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
Seed = Annotated[int, typer.Option("--seed", envvar="ONETAG_SEED", min=0, help="Seed of every random choice.")]


def demo(
    exit_at_end: Exit = False,
    dataset: DatasetFolder = None,
    images: Images = None,
    held_out: HeldOut = None,
    rounds: Rounds = 8,
    per_round: PerRound = None,
    seed: Seed = 0,
    data_dir: DataDir = None,
    studio_port: StudioPort = 8080,
    host: Host = None,
    port: Port = None,
    json: Json = False,
) -> None:
    """Watch it work: real Label Studio, a simulated annotator, suggestions that get better, exports, pictures."""
    from annotator.settings import load_settings
    from model_backend.commands.console import progress_bar, standard
    from model_backend.commands.up import announce, interruptible
    from model_backend.demo.show import Show

    console = standard(quiet=json)
    settings = load_settings(
        data_dir=data_dir or DEMO_FOLDER, host=host, port=port, seed=seed, retrain_idle=0.5
    )
