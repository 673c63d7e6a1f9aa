"""Horizontal bars: solid what people said, outlined what is estimated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from annotator.dashboard.charts.axes import SHARE, Axis, Scale, scale_of
from annotator.dashboard.charts.svg import (
    WIDTH,
    Tone,
    colour_class,
    drawing,
    element,
    legend,
    nothing,
    shortened,
    words,
)

LEFT, RIGHT, ROW, THICK = 118.0, WIDTH - 62.0, 22.0, 12.0
NAME = 17  # characters that fit beside a bar
MEANING = {Tone.PEOPLE: "people's word", Tone.ESTIMATED: "estimated"}


@dataclass(frozen=True)
class Bar:
    """One bar; NaN is drawn as unknown, and never as 0.

    low, high: its interval. threshold: where a tick stands. note: what is written at its end instead of the
    value.
    """

    name: str
    value: float
    tone: Tone | int = Tone.ESTIMATED
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    note: str = ""


def bars(title: str, description: str, rows: Sequence[Bar], axis: Axis = SHARE) -> Markup:
    """Bars from 0 (or the axis's low end) on, one a row, each with its name and value."""
    if not rows:
        return nothing(title, "There is nothing to show yet.")
    tones = [tone for tone in Tone if any(row.tone is tone for row in rows)]
    entries, top = legend([(colour_class(tone), MEANING[tone]) for tone in tones], 14)
    ends = [end for row in rows for end in (row.value, row.high, row.threshold) if end is not None]
    scale = scale_of(axis if axis.low is not None else Axis(axis.label, 0.0, axis.high), ends, LEFT, RIGHT)
    parts = list(entries)
    for place, row in enumerate(rows):
        parts += _row(row, axis, scale, top + 4 + place * ROW)
    bottom = top + 4 + len(rows) * ROW
    parts.append(element("line", class_="axis", x1=LEFT, x2=LEFT, y1=top + 2, y2=bottom))
    return drawing(title, description, bottom + 4, parts)


def _row(row: Bar, axis: Axis, scale: Scale, y: float) -> Iterator[Markup]:
    middle, kind = y + ROW / 2, colour_class(row.tone)
    name = element("title", row.name) + shortened(row.name, NAME)
    yield element("text", name, class_="end", x=LEFT - 6, y=middle + 4)
    known = math.isfinite(row.value)
    if known:
        long = max(scale(row.value) - LEFT, 1.0)
        yield element("rect", class_=f"bar {kind}", x=LEFT, y=middle - THICK / 2, width=long, height=THICK)
    if known and row.low is not None and row.high is not None:
        yield element(
            "line", class_="whisker ink", x1=scale(row.low), x2=scale(row.high), y1=middle, y2=middle
        )
    if row.threshold is not None and row.threshold <= scale.high:
        x = scale(row.threshold)
        yield element("line", class_="threshold", x1=x, x2=x, y1=y + 2, y2=y + ROW - 2)
    yield words(
        row.note or axis.text(_rounded(row.value, axis)), RIGHT + 6, middle + 4, "tick" if known else "dim"
    )


def _rounded(value: float, axis: Axis) -> float:
    """As exact as there is room for: a share to a percent, and to a tenth of one where it is small."""
    if not axis.share or not math.isfinite(value):
        return value
    return round(value, 3 if abs(value) < 0.1 else 2)
