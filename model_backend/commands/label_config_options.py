"""The flags of `onetag connect` that are about the label config."""

from __future__ import annotations

from typing import Annotated

import typer

from annotator.store.states import Suggest, Unticked

Labels = Annotated[
    str | None,
    typer.Option(
        "--labels",
        envvar="ONETAG_LABELS",
        help="With --fix-config: labels to add, a,b,c or @labels.txt.",
        show_default="those that are there",
    ),
]
FixConfig = Annotated[
    bool,
    typer.Option(
        "--fix-config",
        envvar="ONETAG_FIX_CONFIG",
        help="Add our three controls beside what the label config has; nothing is taken out.",
    ),
]
Control = Annotated[
    str | None,
    typer.Option(
        "--control",
        envvar="ONETAG_CONTROL",
        help="Name of the control that holds the labels.",
        show_default="ours, or the only one",
    ),
]
ImageField = Annotated[
    str | None,
    typer.Option(
        "--image-field",
        envvar="ONETAG_IMAGE_FIELD",
        help="Field of a task that holds the image, where it has several.",
        show_default="the one that the control is about",
    ),
]
UntickedOption = Annotated[
    Unticked | None,
    typer.Option(
        "--unticked",
        envvar="ONETAG_UNTICKED",
        help="What an answer says of the labels that it leaves out: nothing, or that they are absent, since "
        "the project labels completely.",
        show_default="unknown",
    ),
]
SuggestOption = Annotated[
    Suggest | None,
    typer.Option(
        "--suggest",
        envvar="ONETAG_SUGGEST",
        help="Suggestions come ticked, or by the order of the queue alone (no annotator is led by them).",
        show_default="ticks",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        envvar="ONETAG_DRY_RUN",
        help="Show what the label config and the answers that are there say, and write nothing.",
    ),
]
