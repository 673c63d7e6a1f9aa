"""Reading charts back: what is drawn where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as Xml

from markupsafe import Markup

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def read(chart: Markup) -> Xml.Element:
    """The chart as a tree; it is well-formed, or this raises."""
    return Xml.fromstring(chart)


def classed(chart: Markup, *classes: str) -> list[Xml.Element]:
    """The elements that have all these classes, in their order."""
    return [each for each in read(chart).iter() if set(classes) <= set(each.get("class", "").split())]


def texts(chart: Markup) -> list[str]:
    """All text that is written, titles of single marks left out."""
    return ["".join(_own_text(each)) for each in read(chart).iter("text")]


def numbers(data: str | None) -> list[float]:
    """The numbers in a piece of path data or an attribute."""
    return [float(each) for each in NUMBER.findall(data or "")]


def _own_text(element: Xml.Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        yield child.tail or ""
