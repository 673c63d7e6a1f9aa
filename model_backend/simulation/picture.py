"""The picture of a simulation: mAP against seconds, a line and a band for each policy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_backend.simulation.results import Curve

INK, FAINT = "#1d2733", "#8b97a5"
COLOURS = ("#1f5fbf", "#b4690e", "#23824b", "#7b4bb0", "#c0392b", "#0e8a8a", "#6b7280", "#a8577e", "#9a8700")
NARROW, WIDE = 1.3, 2.6
HEADROOM = 2.0  # percent


def draw_curves(curves: Sequence[Curve], full: float, file: Path, title: str) -> None:
    """Write a PNG: the means over the seeds, their spread as a band, and what all labels teach (percent)."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (matplotlib is slow to import)
    from matplotlib.ticker import ScalarFormatter  # noqa: PLC0415 (matplotlib is slow to import)

    figure = Figure(figsize=(8, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    for index, curve in enumerate(curves):
        colour = COLOURS[index % len(COLOURS)]
        low, high = curve.mean - curve.spread, curve.mean + curve.spread
        axes.plot(
            curve.budgets,
            curve.mean,
            "o-",
            color=colour,
            label=curve.policy,
            linewidth=WIDE if index == 0 else NARROW,
            markersize=3,
        )
        axes.fill_between(curve.budgets, low, high, color=colour, alpha=0.12, linewidth=0)
    axes.axhline(full, color=FAINT, linewidth=1, linestyle="--")
    axes.annotate(
        f"every label of every image: {full:.1f}",
        (curves[0].budgets[0], full),
        xytext=(0, -12),
        textcoords="offset points",
        color=FAINT,
        fontsize=9,
    )
    axes.set_ylim(top=full + HEADROOM)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xticks(curves[0].budgets, labels=[f"{budget:g}" for budget in curves[0].budgets], fontsize=8)
    axes.minorticks_off()
    axes.set(xlabel="seconds of an annotator", ylabel="mAP on held-out images, %")
    axes.set_title(title, loc="left", color=INK, weight="bold")
    axes.grid(color=FAINT, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False, fontsize=9)
    figure.savefig(file)
