"""The controls of a label config that can hold labels: which names they offer, and how results write them.

A label is called by what the annotator reads (`value`); results and predictions carry the `alias` where there
is one. Measured with Label Studio 1.23, in the browser: choices and the steps of a taxonomy are written
by their alias, ticked or predicted; a prediction with the value in its place is dropped without a word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, cast
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import comparable, refuse_invisible

PATH = " / "  # between the steps of a taxonomy's path, in the name of its label

Kind = Literal[
    "choices",
    "taxonomy",
    "rectanglelabels",
    "polygonlabels",
    "brushlabels",
    "keypointlabels",
    "ellipselabels",
    "textarea",
]
"""A region's `type`, and the key of its value that lists names; a text area lists them in `text`."""
REGION_TAGS = ("RectangleLabels", "PolygonLabels", "BrushLabels", "KeyPointLabels", "EllipseLabels")
KINDS: dict[str, Kind] = {tag: cast("Kind", tag.lower()) for tag in ("Choices", "Taxonomy", *REGION_TAGS)}


def key_of(kind: Kind) -> str:
    """The key of a region's value that lists names."""
    return "text" if kind == "textarea" else kind


class Role(StrEnum):
    """What a control asks for."""

    ONE = "one label"
    MANY = "all that apply"
    REGIONS = "labelled regions"


Written = tuple[str, ...]
"""A name as results write it: one step, or the steps of a taxonomy's path."""


@dataclass(frozen=True)
class Control:
    """A control that holds labels. `written` gives each label as results write it."""

    name: str
    role: Role
    kind: Kind
    image: str
    """The name of the image that it is about, a prediction's `to_name`."""
    written: dict[str, Written] = field(hash=False)
    aliased: dict[Written, str] = field(hash=False, repr=False, compare=False)
    """Every way in which a result may name a label, in the form in which names are compared."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, in their order."""
        return tuple(self.written)

    def label_of(self, written: Sequence[str]) -> str | None:
        """The label that a result names, where only the form may differ; None for a name that it lacks."""
        return self.aliased.get(tuple(comparable(step) for step in written))


def read_control(element: Xml.Element) -> Control:
    """What a control offers. Raises OnetagError for one whose labels cannot be read."""
    name, image = element.get("name") or "", (element.get("toName") or "").split(",")[0].strip()
    options = list(_options(element))
    labels = [label for label, _, _ in options]
    _check(name, labels)
    written = {label: steps for label, steps, _ in options}
    aliased = {tuple(map(comparable, steps)): label for label, _, shown in options for steps in (shown,)}
    aliased |= {tuple(map(comparable, steps)): label for label, steps, _ in options}
    return Control(name, role_of(element), KINDS[element.tag], image, written, aliased)


def role_of(element: Xml.Element) -> Role:
    """What a control of this form asks for."""
    if element.tag in REGION_TAGS:
        return Role.REGIONS
    one = (
        element.get("maxUsages") == "1" if element.tag == "Taxonomy" else element.get("choice") != "multiple"
    )
    return Role.ONE if one else Role.MANY


def problem_of(element: Xml.Element) -> str:
    """Why the labels of a control cannot be read; empty where they can."""
    name = element.get("name")
    if element.get("value", "").startswith("$") or element.get("apiUrl"):
        return f"The control {name!r} takes its labels from elsewhere, task by task."
    if element.tag == "Choices" and any(each.find("Choice") is not None for each in element.iter("Choice")):
        return f"The labels of {name!r} are nested: list them on one level, or in a Taxonomy."
    return ""


def _options(element: Xml.Element) -> Iterator[tuple[str, Written, Written]]:
    """(label, as results write it, as it is shown) of each option."""
    problem = problem_of(element)
    if problem:
        raise OnetagError(problem, "List them in the label config itself.")
    if element.tag != "Taxonomy":
        for option in element.iter("Label" if element.tag in REGION_TAGS else "Choice"):
            value = option.get("value") or ""
            yield comparable(value), (option.get("alias") or value,), (value,)
        return
    leaves = element.get("leafsOnly") == "true"
    for written, shown, is_leaf in _paths(element, (), ()):
        if is_leaf or not leaves:
            yield PATH.join(map(comparable, shown)), written, shown


def _paths(element: Xml.Element, written: Written, shown: Written) -> Iterator[tuple[Written, Written, bool]]:
    for option in element.findall("Choice"):
        value = option.get("value") or ""
        here = (*written, option.get("alias") or value), (*shown, value)
        yield (*here, option.find("Choice") is None)
        yield from _paths(option, *here)


def _check(control: str, labels: Sequence[str]) -> None:
    if not labels or not all(step for label in labels for step in label.split(PATH)):
        raise OnetagError(f"The control {control!r} has a choice without a value, or none.", "Name them.")
    twice = sorted(name for name, count in Counter(labels).items() if count > 1)
    if twice:
        raise OnetagError(f"The control {control!r} lists {', '.join(twice)} twice.", "Keep one of each.")
    try:
        refuse_invisible(labels)
    except OnetagError as error:
        raise OnetagError(f"In the control {control!r}: {error.problem}", error.fix) from None
