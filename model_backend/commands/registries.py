"""`onetag losses`, `estimators`, `backbones`, `acquisitions`: what can be chosen, and where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from annotator.commands.options import Json
from model_backend.commands.console import print_json, standard

MOST = 40
"""Networks of timm's that are listed at once."""
RIGHT = ("M weights", "Pixels")


def losses(*, json: Json = False) -> None:
    """List the losses that `--loss` takes."""
    from model_backend.losses import LOSSES  # noqa: PLC0415 (torch is slow to import)

    show("Losses", LOSSES, as_json=json)


def estimators(*, json: Json = False) -> None:
    """List the label estimators that `--estimator` takes."""
    from model_backend.estimators import ESTIMATORS  # noqa: PLC0415 (torch is slow to import)

    show("Estimators", ESTIMATORS, as_json=json)


Search = Annotated[
    str | None,
    typer.Option(
        "--search",
        envvar="ONETAG_SEARCH",
        help="List timm's networks whose name holds this text.",
        show_default="none",
    ),
]


def backbones(search: Search = None, *, json: Json = False) -> None:
    """List the feature extractors that `--backbone` takes; with --search, those of timm's."""
    if search is not None:
        search_timm(search, as_json=json)
        return
    from model_backend.backbones import BACKBONES  # noqa: PLC0415 (torch is slow to import)

    show("Backbones", BACKBONES, as_json=json)
    if not json:
        standard().print(
            "Any network of timm's: --backbone timm/NAME. Find one: onetag backbones --search dino"
        )


def search_timm(text: str, *, as_json: bool) -> None:
    """Print the networks of timm's whose name holds the text: parameters, input size, licence."""
    from model_backend.backbones.timm_networks import search  # noqa: PLC0415 (torch is slow to import)

    found, count = search(text, MOST)
    if as_json:
        print_json([asdict(each) for each in found])
        return
    console = standard()
    if not found:
        console.print(f"timm has no network with trained weights whose name holds {escape(text)}.")
        raise typer.Exit(1)
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("Name", "M weights", "Pixels", "Licence"):
        table.add_column(column, overflow="fold", justify="right" if column in RIGHT else "left")
    for each in found:
        table.add_row(each.name, f"{each.parameters:.1f}", str(each.input_size), each.license)
    console.print(table)
    if count > len(found):
        console.print(f"and {count - len(found)} more: search for more of the name.")


def acquisitions(*, json: Json = False) -> None:
    """List the ways to choose which image to ask next."""
    from model_backend.acquisition import ACQUISITIONS  # noqa: PLC0415 (torch is slow to import)

    show("Acquisitions", ACQUISITIONS, as_json=json)


def show(title: str, entries: Mapping[str, Any], *, as_json: bool) -> None:
    """Print name, description and source of each entry of a registry."""
    rows = [
        {"name": name, "description": entry.description, "source": getattr(entry, "source", "")}
        for name, entry in entries.items()
    ]
    if as_json:
        print_json(rows)
        return
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for column in ("Name", "What it is", "Source"):
        table.add_column(column, no_wrap=column == "Name")
    for row in rows:
        table.add_row(row["name"], row["description"], row["source"])
    standard().print(table)
