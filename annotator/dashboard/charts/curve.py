"""Lines through points, each with a band around it where something is uncertain."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from markupsafe import Markup

from annotator.dashboard.charts.axes import Axis, Scale, across, scale_of, upwards
from annotator.dashboard.charts.svg import (
    WIDTH,
    Tone,
    colour_class,
    drawing,
    element,
    legend,
    nothing,
    path_through,
    units,
    words,
)

LEFT, RIGHT, BOTTOM, PLOT = 52.0, WIDTH - 14.0, 40.0, 170.0
MOST_DOTS = 30
"""Points of a line that are drawn as dots; of more, the line alone."""


@dataclass(frozen=True, eq=False)
class Line:
    """A line through n points; NaN where one is unknown.

    low, high (n,): the ends of its band, None without one. tone: whose word it is, or the index of a class.
    dashed: for what is foretold and was not seen.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    tone: Tone | int = Tone.ESTIMATED
    dashed: bool = False


def curve(
    title: str,
    description: str,
    lines: Sequence[Line],
    x_axis: Axis,
    y_axis: Axis,
    *,
    marks: Mapping[str, float] = MappingProxyType({}),
) -> Markup:
    """Some lines on common axes; a single point is a dot with its interval.

    marks: places on the horizontal axis that have a name; one beyond its ends is left out.
    """
    if not any(
        math.isfinite(x) and math.isfinite(y) for line in lines for x, y in zip(line.x, line.y, strict=True)
    ):
        return nothing(title, "There is nothing to show yet.")
    named = [(colour_class(line.tone), line.name) for line in lines if len(lines) > 1 and line.name]
    entries, top = legend(named, 14)
    top += 26 if y_axis.label else 12
    xs = scale_of(x_axis, (x for line in lines for x in line.x), LEFT, RIGHT)
    ys = scale_of(y_axis, _heights(lines), top + PLOT, top)
    parts = [*entries, *across(x_axis, xs, top, top + PLOT), *upwards(y_axis, ys, LEFT, RIGHT)]
    for line in lines:
        parts += _band(line, xs, ys)
    for line in lines:
        parts += _line(line, xs, ys)
    for name, x in marks.items():
        parts += _mark(name, x, xs, top)
    return drawing(title, description, top + PLOT + BOTTOM, parts)


def _mark(name: str, x: float, xs: Scale, top: float) -> Iterator[Markup]:
    if xs.low <= x <= xs.high:
        at = xs(x)
        yield element("line", class_="marked", x1=at, x2=at, y1=top, y2=top + PLOT)
        side = "end tick" if at > (LEFT + RIGHT) / 2 else "tick"
        yield words(name, at + (-4 if side != "tick" else 4), top + PLOT - 6, side)


def _heights(lines: Sequence[Line]) -> Iterator[float]:
    for line in lines:
        yield from line.y
        yield from line.low or ()
        yield from line.high or ()


def _band(line: Line, xs: Scale, ys: Scale) -> Iterator[Markup]:
    """Between the ends of the intervals; one that stands alone is a stroke."""
    if line.low is None or line.high is None:
        return
    kind = colour_class(line.tone)
    for piece in _pieces(list(zip(line.x, line.low, line.high, strict=True))):
        if len(piece) == 1:
            x, low, high = piece[0]
            yield element("line", class_=f"whisker {kind}", x1=xs(x), x2=xs(x), y1=ys(low), y2=ys(high))
            continue
        there = [(xs(x), ys(high)) for x, _, high in piece]
        back = [(xs(x), ys(low)) for x, low, _ in reversed(piece)]
        yield element("path", class_=f"band {kind}", d=path_through(there + back) + "Z")


def _pieces(points: Sequence[tuple[float, float, float]]) -> list[list[tuple[float, float, float]]]:
    """The points in runs of which all are finite."""
    runs: list[list[tuple[float, float, float]]] = [[]]
    for point in points:
        if all(map(math.isfinite, point)):
            runs[-1].append(point)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _line(line: Line, xs: Scale, ys: Scale) -> Iterator[Markup]:
    kind = colour_class(line.tone)
    places = [(xs(x), ys(y)) for x, y in zip(line.x, line.y, strict=True)]
    dashed = " dashed" if line.dashed else ""
    yield element("path", class_=f"line {kind}{dashed}", d=path_through(places))
    finite = [place for place in places if all(map(math.isfinite, place))]
    if len(finite) <= MOST_DOTS:
        for x, y in finite:
            yield element("circle", class_=f"dot {kind}", cx=units(x), cy=units(y), r=3)
