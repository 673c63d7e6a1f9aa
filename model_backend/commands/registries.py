"""`onetag losses`, `estimators`, `backbones`, `acquisitions`: what can be chosen, and where it comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich import box
from rich.table import Table

from annotator.commands.options import Json
from model_backend.commands.console import print_json, standard


def losses(*, json: Json = False) -> None:
    """List the losses that `--loss` takes."""
    from model_backend.losses import LOSSES  # noqa: PLC0415 (torch is slow to import)

    show("Losses", LOSSES, as_json=json)


def estimators(*, json: Json = False) -> None:
    """List the label estimators that `--estimator` takes."""
    from model_backend.estimators import ESTIMATORS  # noqa: PLC0415 (torch is slow to import)

    show("Estimators", ESTIMATORS, as_json=json)


def backbones(*, json: Json = False) -> None:
    """List the feature extractors that `--backbone` takes."""
    from model_backend.backbones import BACKBONES  # noqa: PLC0415 (torch is slow to import)

    show("Backbones", BACKBONES, as_json=json)


def acquisitions(*, json: Json = False) -> None:
    """List the ways to choose which image to ask next."""
    from model_backend.acquisition import ACQUISITIONS  # noqa: PLC0415 (torch is slow to import)

    show("Acquisitions", ACQUISITIONS, as_json=json)


COMMANDS: Mapping[str, Callable[..., None]] = {
    "losses": losses,
    "estimators": estimators,
    "backbones": backbones,
    "acquisitions": acquisitions,
}


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
