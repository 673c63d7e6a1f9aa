"""What is measured at each round of a demonstration, and the table that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.table import Table


@dataclass(frozen=True)
class Round:
    """One round: the annotator answers, the worker retrains, new suggestions reach Label Studio."""

    number: int
    tagged: int
    """Images with an answer so far."""
    observations: int
    """Label values known so far, present or absent."""
    mean_average_precision: float
    """Over the held-out images, against the known truth; 0..1."""
    precision: float | None
    """Of the labels at their threshold the share that is there, over images nobody has answered yet; None
    without any."""
    recall: float | None
    """Share of the labels that are there which reach their threshold, over the same images."""
    suggestions: int
    """How many labels reach their threshold there, and would be suggested."""
    seconds: float
    """From the last Submit of the round to its suggestions in Label Studio's queue."""


def describe(item: Round, total: int) -> str:
    """One round as a line."""
    suggestions = "nothing to suggest yet"
    if item.precision is not None:
        suggestions = f"{item.suggestions} labels to suggest, {item.precision:.0%} right"
        suggestions += f", {item.recall or 0.0:.0%} of what is there"
    return (
        f"round {item.number}: {item.tagged} of {total} answered, "
        f"held-out mAP {item.mean_average_precision:.1%}, {suggestions}, "
        f"new ones after {item.seconds:.1f} s"
    )


def table(rounds: Sequence[Round], status: str = "") -> Table:
    """The rounds so far, with `status` (what happens now) below."""
    shown = Table(box=box.SIMPLE_HEAD, caption=status or None, caption_justify="left")
    for name in (
        "Round",
        "Answered",
        "Known",
        "Held-out mAP",
        "To suggest",
        "Right",
        "Found",
        "Tag to new",
    ):
        shown.add_column(name, justify="right")
    for item in rounds:
        shown.add_row(
            str(item.number),
            str(item.tagged),
            str(item.observations),
            f"{100 * item.mean_average_precision:.1f} %",
            str(item.suggestions),
            "-" if item.precision is None else f"{100 * item.precision:.0f} %",
            "-" if item.recall is None or not item.suggestions else f"{100 * item.recall:.0f} %",
            f"{item.seconds:.1f} s",
        )
    return shown
