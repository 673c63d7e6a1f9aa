"""Points on a plane, such as all images by their features, coloured by class; parts of it can be links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from annotator.dashboard.charts.svg import (
    WIDTH,
    category_class,
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


@dataclass(frozen=True)
class Frame:
    """The square of the plane that is drawn, in the units of the points; nothing beyond it is."""

    left: float
    low: float
    side: float

    def places(self, points: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """Where points (N, 2) are drawn, in units of the chart below its legend; NaN where not finite."""
        given = np.asarray(points, dtype=np.float64)
        scaled = (given - (self.left, self.low + self.side)) / self.side * SIDE
        placed: npt.NDArray[np.float64] = np.where(np.isfinite(given), scaled * (1, -1) + MARGIN, np.nan)
        return placed


@dataclass(frozen=True)
class Region:
    """A part of the plane that leads somewhere: left, low, right and high in the units of the points."""

    edges: tuple[float, float, float, float]
    href: str
    label: str


def frame_of(points: npt.NDArray[np.floating]) -> Frame:
    """The square around all points (N, 2) that are finite."""
    given = np.asarray(points, dtype=np.float64)
    finite = given[np.isfinite(given).all(axis=1)]
    if not len(finite):
        return Frame(0.0, 0.0, 1.0)
    low, high = finite.min(axis=0), finite.max(axis=0)
    side = float((high - low).max()) or 1.0
    left, lowest = ((low + high - side) / 2).tolist()
    return Frame(left, lowest, side)


def drawn_points(points: npt.NDArray[np.floating], most: int = MOST_POINTS) -> npt.NDArray[np.intp]:
    """The rows of points (N, 2) that are drawn, ascending: all that are finite, or a share by chance.

    The same ones each time.
    """
    finite = np.flatnonzero(np.isfinite(points).all(axis=1))
    if len(finite) <= most:
        return finite
    chosen = np.random.default_rng(0).choice(len(finite), most, replace=False, shuffle=False)
    return finite[np.sort(chosen)]


def scatter(
    title: str,
    description: str,
    points: npt.NDArray[np.floating],
    classes: npt.NDArray[np.integer],
    names: Sequence[str] | Mapping[str, str],
    *,
    frame: Frame | None = None,
    regions: Sequence[Region] = (),
    most: int = MOST_POINTS,
) -> Markup:
    """Points (N, 2) with the index of their class (N,), one of `names`; -1 is grey: of no class.

    Later classes lie over earlier ones. names: with their CSS classes, unless they are any categories. frame:
    what is drawn, unless all. Says below how many points are. Raises ValueError for an index without a name.
    """
    if len(classes) and not -1 <= int(classes.min()) <= int(classes.max()) < len(names):
        raise ValueError(f"Classes must be -1 or one of the {len(names)} that have a name.")
    rows = drawn_points(points, most)
    if not len(rows):
        return nothing(title, "There are no points yet.")
    frame, shown = frame or frame_of(points), classes[rows]
    if not isinstance(names, Mapping):
        names = {name: category_class(index) for index, name in enumerate(names)}
    tones = list(names.values())
    used = [index for index in range(len(tones)) if (shown == index).any()]
    parts, top = legend([(tones[index], list(names)[index]) for index in used], 14)
    places = frame.places(points)[rows] + (0, top)
    kinds = {-1: "none"} | {index: tones[index] for index in used}
    parts += [_dots(places[shown == index], kind) for index, kind in kinds.items()]
    told = f"{len(rows):,} of {len(points):,} points are drawn"
    parts.append(words(told, MARGIN, top + WIDTH + 6, "dim"))
    links = [_link(region, frame, top) for region in regions]
    return drawing(title, f"{description} {told}.".strip(), top + WIDTH + 14, parts, links=links)


def _dots(places: npt.NDArray[np.float64], kind: str) -> Markup:
    data = "".join(f"M{units(x)} {units(y)}h0" for x, y in places.tolist())
    return element("path", class_=f"dots {kind}", d=data) if data else Markup("")


def _link(region: Region, frame: Frame, top: float) -> Markup:
    left, low, right, high = region.edges
    (x, y), (far, bottom) = frame.places(np.array([(left, high), (right, low)])).tolist()
    area = element("rect", element("title", region.label), x=x, y=y + top, width=far - x, height=bottom - y)
    return element("a", area, class_="region", href=region.href, aria_label=region.label)
