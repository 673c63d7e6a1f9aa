"""A row of small bars that fits into a cell of a table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from annotator.dashboard.charts.svg import Tone, colour_class, element, units

STEP, THICK, HEIGHT = 8.0, 6.0, 24.0
LEAST = 1.5
"""Units of a bar of the smallest count: seen, and told from none at all."""


def spark(title: str, description: str, values: Sequence[int], tone: Tone | int = Tone.PEOPLE) -> Markup:
    """A bar a value, the highest as high as there is room; a value of 0 has none.

    description: the same in words, for who does not see it.
    """
    most = max(values, default=0)
    width = STEP * max(1, len(values))
    parts = [element("title", title), element("desc", description)]
    for place, value in enumerate(values):
        if value > 0:
            height = max(LEAST, (HEIGHT - 2) * value / most)
            parts.append(
                element(
                    "rect",
                    class_=f"bar {colour_class(tone)}",
                    x=place * STEP + 1,
                    y=HEIGHT - 1 - height,
                    width=THICK,
                    height=height,
                )
            )
    parts.append(element("line", class_="axis", x1=0, x2=width, y1=HEIGHT - 0.5, y2=HEIGHT - 0.5))
    size: dict[str, str | float] = {
        "width": width,
        "height": HEIGHT,
        "viewBox": f"0 0 {units(width)} {units(HEIGHT)}",
    }
    return element("svg", Markup("").join(parts), class_="chart spark", role="img", **size)
