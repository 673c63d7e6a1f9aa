"""`onetag agreement`: how far several annotators say the same, and how many images several are asked for.

Of all shared images; `onetag status` tells the same of the newest of them.
"""

from __future__ import annotations

import json as codec
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from annotator.commands.options import Json, Project
from annotator.commands.values import chosen_project
from annotator.commands.with_settings import with_settings
from annotator.errors import OnetagError
from annotator.flags import Panel
from annotator.labelstudio.connection import open_studio
from annotator.settings import Settings
from annotator.store import Project as ProjectRow
from annotator.store import open_current
from annotator.store.acceptance import Acceptance, acceptances
from annotator.store.agreement import Agreement, Confusion, agreement
from annotator.store.shared import shared_votes

SHOWN = 3  # labels that a line names

Shared = Annotated[
    float | None,
    typer.Option(
        "--shared",
        envvar="ONETAG_SHARED",
        min=0,
        max=1,
        help="Let Label Studio ask this share of the images of several people, such as 0.1; 0: none.",
        show_default="as it is, at first none",
    ),
]
People = Annotated[
    int,
    typer.Option("--people", envvar="ONETAG_PEOPLE", min=2, help="With --shared: of how many people each."),
]


@with_settings(Panel.STORE, Panel.STUDIO, "acceptance_limit")
def agreement_command(
    settings: Settings,
    *,
    project: Project = None,
    shared: Shared = None,
    people: People = 2,
    json: Json = False,
) -> None:
    """Show how far annotators agree, by annotator and label; `--shared` has more images asked of several."""
    store = open_current(settings)
    try:
        with store.reading() as session:
            row = chosen_project(session, project)
            votes = shared_votes(session, row.id)
            found = as_row(agreement(session, row.id, votes))
            accepted = acceptances(session, row.id, votes)
            found["acceptance"] = acceptance_rows(accepted, settings.acceptance_limit)
    finally:
        store.close()
    if shared is not None:
        ask_several(settings, row, shared, people)
        found |= {"shared": shared, "people": people if shared else 1}
    if json:
        typer.echo(codec.dumps(found, indent=2, ensure_ascii=False))
        return
    _show(found)


def ask_several(settings: Settings, project: ProjectRow, share: float, people: int) -> None:
    """Have Label Studio ask a share of the images of several people.

    Raises OnetagError where the project is in none, or no Label Studio is known.
    """
    studio = open_studio(settings)
    if studio is None or project.studio_project is None:
        raise OnetagError(
            "No Label Studio is known that could ask several people.",
            "Run `onetag connect`, or give --url and --token.",
        )
    studio.share_images(project.studio_project, share, people)


def as_row(found: Agreement) -> dict[str, Any]:
    """Plain values, the same in `onetag status --json`."""
    return {
        "shared_images": found.images,
        "cells": found.cells,
        "ties": found.ties,
        "agree": _rounded(found.agree),
        "alpha": _rounded(found.alpha),
        "confusions": [_confusion(each) for each in found.confusions],
        "whole": found.whole,
    }


def acceptance_rows(found: Sequence[Acceptance], limit: float) -> list[dict[str, Any]]:
    """How readily each annotator accepts suggestions that others found absent, with a 95 % interval."""
    return [
        asdict(each)
        | {
            "rate": round(each.rate, 4),
            "interval": [round(end, 4) for end in each.interval],
            "flagged": each.over(limit),
        }
        for each in found
    ]


def _confusion(each: Confusion) -> dict[str, Any]:
    return {
        "annotator": each.annotator,
        "label": each.label,
        "both_present": each.both_present,
        "both_absent": each.both_absent,
        "present_alone": each.present_alone,
        "absent_alone": each.absent_alone,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def agreement_lines(row: dict[str, Any], acceptance: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Name and value of each line: all together, each annotator, and what each accepts.

    There is none where no image is shared.
    """
    if not row["shared_images"]:
        return
    alpha = f" (alpha {row['alpha']:.2f})" if row["alpha"] is not None else ""
    agree = f": {row['agree']:.0%} of the statements agree{alpha}, {row['ties']} ties" if row["cells"] else ""
    newest = "" if row["whole"] else "the newest "
    yield (
        "several annotators",
        f"{newest}{row['shared_images']} shared images, {row['cells']} labels said by several{agree}",
    )
    for annotator in dict.fromkeys(each["annotator"] for each in row["confusions"]):
        own = [each for each in row["confusions"] if each["annotator"] == annotator]
        same = sum(each["both_present"] + each["both_absent"] for each in own)
        apart = {side: _most(own, f"{side}_alone") for side in ("present", "absent")}
        compared = same + sum(each["present_alone"] + each["absent_alone"] for each in own)
        told = "".join(f"; {side} alone: {labels}" for side, labels in apart.items() if labels)
        yield f"  {annotator}", f"{same} of {compared} as the others{told}"
    for each in acceptance:
        yield "accepts the absent", _acceptance_line(each, whole=row["whole"])


def _acceptance_line(each: dict[str, Any], *, whole: bool) -> str:
    low, high = each["interval"]
    told = f"{each['annotator']}: {each['accepted']} of {each['known_absent']} ({low:.0%} to {high:.0%})"
    trainings = "trainings" if whole else "trainings, which look at all shared images,"
    return f"{told}; too many: {trainings} leave such confirmations out" if each["flagged"] else told


def _most(own: Sequence[dict[str, Any]], count: str) -> str:
    """The labels with the most of a count: `dog 3, cat 1`."""
    ranked = sorted((each for each in own if each[count]), key=lambda each: -int(each[count]))
    more = ", ..." if len(ranked) > SHOWN else ""
    return ", ".join(f"{each['label']} {each[count]}" for each in ranked[:SHOWN]) + more


def _show(row: dict[str, Any]) -> None:
    console = Console(highlight=False)
    table = Table(box=None, show_header=False, padding=(0, 2))
    for name, value in agreement_lines(row, row["acceptance"]):
        table.add_row(escape(name), escape(value))
    if not row["shared_images"]:
        console.print("No image was answered by several annotators yet.")
    console.print(table)
    if "shared" in row:
        asked = f"{row['shared']:.0%} of the images are asked of {row['people']} people each"
        console.print(asked if row["shared"] else "Every image is asked of one person.")
