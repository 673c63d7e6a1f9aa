"""What was said against how often it was right: on the diagonal, probabilities mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, sqrt

from markupsafe import Markup

from annotator.dashboard.charts.axes import Axis, across, scale_of, upwards
from annotator.dashboard.charts.svg import WIDTH, Tone, colour_class, drawing, element, nothing

LEFT, TOP, SIDE = 52.0, 38.0, 280.0
LEAST, MOST = 2.5, 13.0  # radius of a point
SAID, RIGHT = Axis("said", 0.0, 1.0, share=True), Axis("was right", 0.0, 1.0, share=True)


@dataclass(frozen=True)
class Reliable:
    """Of `count` answers to what was said with a chance of `said`, the share that was `right`, all 0..1."""

    said: float
    right: float
    count: int
    low: float
    high: float


def reliability(
    title: str, description: str, points: Sequence[Reliable], tone: Tone = Tone.ESTIMATED
) -> Markup:
    """The points of one model, by how sure it said to be; their area grows with their count."""
    shown = [each for each in points if each.count > 0 and isfinite(each.said) and isfinite(each.right)]
    if not shown:
        return nothing(title, "Nothing was answered yet that could be compared.")
    xs = scale_of(SAID, (), LEFT, LEFT + SIDE)
    ys = scale_of(RIGHT, (), TOP + SIDE, TOP)
    parts = [*across(SAID, xs, TOP, TOP + SIDE), *upwards(RIGHT, ys, LEFT, LEFT + SIDE)]
    parts.append(element("line", class_="diagonal", x1=xs(0), y1=ys(0), x2=xs(1), y2=ys(1)))
    largest = max(each.count for each in shown)
    kind = colour_class(tone)
    for each in shown:
        x = xs(each.said)
        parts.append(element("line", class_=f"whisker {kind}", x1=x, x2=x, y1=ys(each.low), y2=ys(each.high)))
    for each in sorted(shown, key=lambda point: -point.count):  # no small one is hidden by a large one
        said = f"{each.count} said {SAID.text(round(each.said, 3))}, right {RIGHT.text(round(each.right, 3))}"
        radius = max(LEAST, MOST * sqrt(each.count / largest))
        inside = element("title", said)
        parts.append(
            element("circle", inside, class_=f"bubble {kind}", cx=xs(each.said), cy=ys(each.right), r=radius)
        )
    return drawing(title, description, TOP + SIDE + 40, parts, width=WIDTH)
