"""Points on a plane, such as all images by their features, coloured by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from annotator.dashboard.charts.svg import (
    CATEGORIES,
    WIDTH,
    colour_class,
    drawing,
    element,
    legend,
    nothing,
    units,
    words,
)

if TYPE_CHECKING:
    import numpy.typing as npt

MOST_POINTS = 4_000
"""Points that are drawn; of more, a share by chance: a browser draws no more at once."""
MARGIN, SIDE = 10.0, WIDTH - 20.0


def drawn_points(points: npt.NDArray[np.floating], most: int = MOST_POINTS) -> npt.NDArray[np.intp]:
    """The rows of points (N, 2) that are drawn, ascending: all that are finite, or a share by chance.

    The same ones each time.
    """
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) <= most:
        return finite
    chosen = np.random.default_rng(0).choice(len(finite), most, replace=False, shuffle=False)
    return finite[np.sort(chosen)]


def point_places(points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Where points (N, 2) are drawn, in units of the chart below its legend; NaN for one that is not finite.

    Both axes have one scale, so that distances can be compared.
    """
    given = np.asarray(points, dtype=np.float64)
    finite = given[np.isfinite(given).all(axis=1)]
    if not len(finite):
        return np.full(given.shape, np.nan)
    low, high = finite.min(axis=0), finite.max(axis=0)
    spread = float((high - low).max()) or 1.0
    scaled: npt.NDArray[np.float64] = (given - (low + high) / 2) / spread * SIDE
    return scaled * (1, -1) + MARGIN + SIDE / 2


def scatter(
    title: str,
    description: str,
    points: npt.NDArray[np.floating],
    classes: npt.NDArray[np.integer],
    names: Sequence[str],
    *,
    most: int = MOST_POINTS,
) -> Markup:
    """Points (N, 2) with the index of their class (N,), one of `names`; -1 is grey: of no class.

    Says below how many of them are drawn. Raises ValueError for an index that no name has.
    """
    if len(classes) and not -1 <= int(classes.min()) <= int(classes.max()) < len(names):
        raise ValueError(f"Classes must be -1 or one of the {len(names)} that have a name.")
    rows = drawn_points(points, most)
    if not len(rows):
        return nothing(title, "There are no points yet.")
    shown, places = classes[rows], point_places(points)[rows]
    used = [index for index in range(len(names)) if (shown == index).any()]
    entries, top = legend([(_class_of(index), names[index]) for index in used], 14)
    parts = [*entries]
    for index in [-1, *used]:
        dots = places[shown == index]
        data = "".join(f"M{units(x)} {units(y + top)}h0" for x, y in dots.tolist())
        if data:
            parts.append(element("path", class_=f"dots {_class_of(index)}", d=data))
    told = f"{len(rows):,} of {len(points):,} points are drawn"
    parts.append(words(told, MARGIN, top + WIDTH + 6, "dim"))
    return drawing(title, f"{description} {told}.".strip(), top + WIDTH + 14, parts)


def _class_of(index: int) -> str:
    """Further classes than there are colours have another shape of their dots."""
    if index < 0:
        return "none"
    return colour_class(index) + (" square" if index // CATEGORIES % 2 else "")
