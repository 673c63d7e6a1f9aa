"""What all charts are made of: elements with escaped text, and the frame that tells what is seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from enum import StrEnum

from markupsafe import Markup, escape

WIDTH = 360
"""Units across: as many as a phone has pixels, so that text of 12 units can be read there."""
CATEGORIES = 8
"""Colours of classes; further ones begin again."""


class Tone(StrEnum):
    """Whose word a mark is: never drawn alike."""

    PEOPLE = "people"
    ESTIMATED = "estimated"


def colour_class(tone: Tone | int) -> str:
    """The CSS class of a tone, or of the class with this index.

    >>> colour_class(Tone.PEOPLE), colour_class(9)
    ('people', 'c1')
    """
    return tone.value if isinstance(tone, Tone) else f"c{tone % CATEGORIES}"


def category_class(index: int) -> str:
    """The CSS classes of any category: further ones than there are colours have another shape too.

    >>> category_class(1), category_class(9)
    ('c1', 'c1 square')
    """
    return colour_class(index) + (" square" if index // CATEGORIES % 2 else "")


def units(value: float) -> str:
    """A coordinate, as short as it can be written to a tenth of a unit.

    >>> units(3.0), units(2.449), units(-0.04)
    ('3', '2.4', '0')
    """
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")


def element(tag: str, inside: str | Markup = "", **attributes: str | float) -> Markup:
    """An element; `class_` is its class, `_` in other names is a dash. Text inside is escaped."""
    written = Markup("").join(
        Markup(' {}="{}"').format(
            name.rstrip("_").replace("_", "-"), value if isinstance(value, str) else units(value)
        )
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, escape(inside))


def words(inside: str, x: float, y: float, class_: str = "") -> Markup:
    """Text at a place."""
    return element("text", inside, x=x, y=y, **({"class_": class_} if class_ else {}))


def shortened(name: str, most: int) -> str:
    """A name of at most so many characters, which tells when something is left out.

    >>> shortened("potted plant", 7)
    'potted…'
    """
    return name if len(name) <= most else f"{name[: most - 1].rstrip()}…"


def path_through(places: Iterable[tuple[float, float]]) -> str:
    """The path data of a line through places, broken where one is not finite."""
    data, broken = [], True
    for x, y in places:
        if not (math.isfinite(x) and math.isfinite(y)):
            broken = True
            continue
        data.append(f"{'M' if broken else 'L'}{units(x)} {units(y)}")
        broken = False
    return "".join(data)


def drawing(
    title: str,
    description: str,
    height: float,
    parts: Sequence[Markup],
    *,
    width: float = WIDTH,
    links: Sequence[Markup] = (),
) -> Markup:
    """The whole chart, a picture with a title and a description for who does not see it.

    One wider than WIDTH keeps its size, so that its text can be read, and can be scrolled. links: over the
    picture, and not in it, where nobody would find them.
    """
    inside = [element("title", title), element("desc", description), *parts]
    picture: dict[str, str] = {"role": "img"}
    if links:
        inside = [element("g", Markup("").join(inside), role="img"), *links]
        picture = {"role": "group", "aria_label": title}
    size: dict[str, str | float] = {"viewBox": f"0 0 {units(width)} {units(height)}"}
    large = width > WIDTH
    if large:
        size |= {"width": width, "height": height}
    svg = element(
        "svg", Markup("").join(inside), class_="chart large" if large else "chart", **picture, **size
    )
    return scrolling(svg, title) if large else svg


def scrolling(inside: Markup, what: str) -> Markup:
    """Room to scroll sideways, by keyboard too, for something that is wider than a phone."""
    return element("div", inside, class_="scroll", tabindex="0", role="region", aria_label=what)


def nothing(title: str, why: str) -> Markup:
    """A chart without anything to draw says so."""
    return drawing(title, why, 60, [words(why, WIDTH / 2, 34, "middle dim")])


def legend(entries: Sequence[tuple[str, str]], y: float) -> tuple[list[Markup], float]:
    """Rows of (class, name) with their marks, from y on downwards, and where they end."""
    marks: list[Markup] = []
    x = 8.0
    for kind, name in entries:
        short = shortened(name, 40)
        wide = 26 + 7 * len(short)
        if x > 8 and x + wide > WIDTH:
            x, y = 8.0, y + 16
        marks.append(element("rect", class_=f"mark {kind}", x=x, y=y - 9, width=10, height=10))
        marks.append(words(short, x + 14, y))
        x += wide
    return marks, y + 8 if entries else y
