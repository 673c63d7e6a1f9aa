"""The charts of the Labels view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.charts import (
    Axis,
    Bar,
    Line,
    Reliable,
    Tone,
    bars,
    curve,
    data_table,
    heat,
    reliability,
)
from annotator.dashboard.charts.heat import MOST_LABELS
from annotator.dashboard.formats import percent

if TYPE_CHECKING:
    import numpy.typing as npt
    from markupsafe import Markup

    from annotator.dashboard.label_figures import LabelFigure, LabelFigures
    from annotator.dashboard.measures import Step

PAIRS = 40
"""Pairs of labels that are told in numbers, those that come together most."""
COMPANIONS = 12
"""Labels that come with one, those that do so most."""
SAID = {Tone.PEOPLE: "people said", Tone.ESTIMATED: "estimated"}


def pairs_heat(figures: LabelFigures, tone: Tone) -> Markup:
    """A heat map of labels that come together, at most the 80 that are true most often, with numbers."""
    places = sorted(each.place for each in sorted(figures.labels, key=_rarity)[:MOST_LABELS])
    names = [figures.labels[place].name for place in places]
    shares = figures.by_people if tone is Tone.PEOPLE else figures.estimated
    part = shares[np.ix_(places, places)]
    drawn = heat(
        f"Labels that come together, as {SAID[tone]}",
        "Of the images with the label of a row, the share that has the label of a column too.",
        names,
        part,
        tone,
    )
    return drawn + _pairs_table(names, part, tone)


def _rarity(figure: LabelFigure) -> float:
    return -(figure.prevalence.value if figure.prevalence else figure.count.present / 1e9)


def _pairs_table(names: Sequence[str], shares: npt.NDArray[np.float64], tone: Tone) -> Markup:
    others = np.where(np.eye(len(names), dtype=np.bool_) | np.isnan(shares), 0.0, shares)
    most = np.argsort(-others, axis=None, kind="stable")[:PAIRS].tolist()
    rows = [
        (names[row], names[column], percent(float(others[row, column])))
        for row, column in (divmod(place, len(names)) for place in most)
        if others[row, column] > 0
    ]
    caption = f"The pairs that come together most, as {SAID[tone]}"
    return data_table(caption, ("of the images with", "those that show too", "share"), rows)


def companions(figures: LabelFigures, figure: LabelFigure) -> Markup:
    """Which labels the images with this one show besides: people's words and estimates in turns."""
    people, estimated = figures.by_people[figure.place], figures.estimated[figure.place]
    likely = np.fmax(np.nan_to_num(people), np.nan_to_num(estimated))
    likely[figure.place] = -1.0
    rows, told = [], []
    for place in np.argsort(-likely, kind="stable")[:COMPANIONS].tolist():
        name = figures.labels[place].name
        if likely[place] <= 0:
            break
        rows += [Bar(name, float(people[place]), Tone.PEOPLE), Bar("", float(estimated[place]))]
        told.append((name, percent(float(people[place])), percent(float(estimated[place]))))
    if not rows:
        return bars("What comes with it", "", [])
    title = f"What comes with {figure.name}"
    described = f"Of the images that show {figure.name}, the share that shows each of these labels too."
    table = data_table(described, ("label", "people said", "estimated"), told)
    return bars(title, described, rows) + table


def reliability_chart(name: str, points: Sequence[Reliable]) -> Markup:
    """How often each chance that was said of a label was right."""
    told = [
        (
            percent(each.said),
            f"{each.count:,}",
            percent(each.right),
            f"{percent(each.low)} to {percent(each.high)}",
        )
        for each in points
    ]
    drawn = reliability(
        f"How far the chances said of {name} can be believed",
        "Each point: answers to chances of about the same size, and how many of them were right.",
        points,
    )
    header = ("said", "answers", "right", "95 % interval")
    return drawn + data_table("What was said, and how often it was right", header, told) if told else drawn


def precision_chart(name: str, steps: Sequence[Step], wanted: float, used: float | None) -> Markup:
    """What each threshold is expected to reach, and what answers say of it. used: the one in use."""
    x = [100 * step.threshold for step in steps]
    expected = [float("nan") if step.expected is None else step.expected for step in steps]
    measured = [
        (float("nan"),) * 3 if step.answered.value is None else (step.answered.value, *step.answered.interval)
        for step in steps
    ]
    right, low, high = (list(each) for each in zip(*measured, strict=True))
    return curve(
        f"Suggestions of {name} that are right, by threshold",
        f"Expected from the estimates, and as people answered; {percent(wanted)} is wanted.",
        [
            Line("expected, as estimated", x, expected),
            Line("right, as people answered", x, right, low, high, Tone.PEOPLE),
        ],
        Axis("threshold in percent", 0.0, 100.0),
        Axis("right", 0.0, 1.0, share=True),
        marks={"in use": 100 * used} if used is not None else {},
    )
