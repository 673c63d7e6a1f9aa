"""One label of one image in a cell of a table: people's word, the estimate, and the estimate before."""

from __future__ import annotations

from markupsafe import Markup

from annotator.dashboard.charts.svg import Tone, colour_class, element, units

WIDTH, HEIGHT = 160.0, 24.0
SAID, ESTIMATE, BEFORE = (1.0, 6.0), (9.0, 8.0), (20.0, 3.0)
"""Top and height of each of the three bars."""


def track(
    description: str, said: int, chance: float | None, before: float | None, threshold: float | None
) -> Markup:
    """Bars from 0 to 1, solid for what people say, outlined for an estimate; one that is unknown has none.

    said: +1 is a whole bar, -1 a stub, 0 nothing. threshold: a tick, none above 1. description: the same in
    words.
    """
    people, estimated = colour_class(Tone.PEOPLE), colour_class(Tone.ESTIMATED)
    parts = [element("title", description)]
    if said:
        parts.append(_bar(f"bar {people}" if said > 0 else "bar none", WIDTH - 2 if said > 0 else 4.0, SAID))
    if chance is not None:
        parts.append(_bar(f"bar {estimated}", max(1.0, chance * (WIDTH - 2)), ESTIMATE))
    if before is not None:
        parts.append(_bar(f"before {estimated}", max(1.0, before * (WIDTH - 2)), BEFORE))
    if threshold is not None and threshold <= 1:
        x = 1 + threshold * (WIDTH - 2)
        parts.append(
            element("line", class_="threshold", x1=x, x2=x, y1=ESTIMATE[0] - 2, y2=sum(ESTIMATE) + 2)
        )
    parts.append(element("line", class_="axis", x1=0.5, x2=0.5, y1=0, y2=HEIGHT))
    size: dict[str, str | float] = {
        "width": WIDTH,
        "height": HEIGHT,
        "viewBox": f"0 0 {units(WIDTH)} {units(HEIGHT)}",
    }
    return element("svg", Markup("").join(parts), class_="chart track", role="img", **size)


def _bar(class_: str, width: float, place: tuple[float, float]) -> Markup:
    top, height = place
    return element("rect", class_=class_, x=1, y=top, width=width, height=height)
