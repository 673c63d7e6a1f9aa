"""A heat map of labels against labels: the darker, the larger the share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from annotator.dashboard.charts.svg import (
    WIDTH,
    Tone,
    colour_class,
    drawing,
    element,
    nothing,
    shortened,
    units,
    words,
)

if TYPE_CHECKING:
    import numpy.typing as npt

LEVELS = (0.0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.7)
"""From which share on each shade is used; its ends are said below the map."""
LEAST_CELL, MOST_CELL, NAMES, NAME = 14.0, 30.0, 110.0, 16
MOST_LABELS = 80


def heat(
    title: str,
    description: str,
    names: Sequence[str],
    shares: npt.NDArray[np.floating],
    tone: Tone = Tone.ESTIMATED,
) -> Markup:
    """The shares (L, L) in 0..1 of at most 80 labels, row by row; NaN is hatched: it is not known.

    Raises ValueError where there are more labels, or shares of another shape.
    """
    count = len(names)
    if shares.shape != (count, count) or count > MOST_LABELS:
        raise ValueError(f"{shares.shape} shares of {count} labels; at most {MOST_LABELS} labels are drawn.")
    if not count:
        return nothing(title, "There are no labels.")
    cell = min(MOST_CELL, max(LEAST_CELL, (WIDTH - NAMES - 4) / count))
    width, bottom = max(float(WIDTH), NAMES + cell * count + 4), NAMES + cell * count
    parts = [*_names(names, cell), *_cells(shares, cell, tone), *_key(bottom + 12, tone)]
    return drawing(title, description, bottom + 48, parts, width=width)


def _names(names: Sequence[str], cell: float) -> list[Markup]:
    parts = []
    for place, name in enumerate(names):
        middle = NAMES + (place + 0.5) * cell
        inside = element("title", name) + shortened(name, NAME)
        parts.append(element("text", inside, class_="end", x=NAMES - 5, y=middle + 4))
        turned = f"rotate(-90 {units(middle + 4)} {units(NAMES - 5)})"
        parts.append(element("text", inside, x=middle + 4, y=NAMES - 5, transform=turned))
    return parts


def _cells(shares: npt.NDArray[np.floating], cell: float, tone: Tone) -> list[Markup]:
    """A path of squares for each shade: some thousands of elements would be slow."""
    kind, side = colour_class(tone), units(cell - 1)
    level = np.digitize(np.nan_to_num(shares), LEVELS) - 1
    known = np.isfinite(shares)
    parts = []
    for shade in range(len(LEVELS)):
        squares = "".join(
            f"M{units(NAMES + column * cell)} {units(NAMES + row * cell)}h{side}v{side}h-{side}z"
            for row, column in np.argwhere(known & (level == shade)).tolist()
        )
        if squares:
            parts.append(element("path", class_=f"cell {kind} h{shade}", d=squares))
    strokes = "".join(
        f"M{units(NAMES + column * cell)} {units(NAMES + (row + 1) * cell - 1)}l{side} -{side}"
        for row, column in np.argwhere(~known).tolist()
    )
    return [*parts, element("path", class_="unknown", d=strokes)] if strokes else parts


def _key(y: float, tone: Tone) -> list[Markup]:
    """Which shade means what."""
    kind, parts = colour_class(tone), []
    for shade, least in enumerate(LEVELS):
        x = 8.0 + shade * 42
        parts.append(element("rect", class_=f"cell {kind} h{shade}", x=x, y=y, width=38, height=12))
        parts.append(words(f"{100 * least:.0f} %" if shade else "0", x, y + 26, "tick"))
    x = 8.0 + len(LEVELS) * 42
    parts.append(element("path", class_="unknown", d=f"M{units(x)} {units(y + 12)}l12 -12"))
    return [*parts, words("unknown", x, y + 26, "tick")]
