"""What a labelling screen hands on to the one in its place: keys, aliases, buttons, the way to the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import unescape
from itertools import chain
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import comparable
from annotator.labelstudio.candidates import ABOUT, LABEL, OFTEN, SUGGESTED, named, read_xml
from annotator.labelstudio.hotkeys import is_typed

LINK = re.compile(r'href="([^"]*)"')


def keys_of(xml: str) -> dict[str, str]:
    """The key of each label in a config that is there; not one that nobody can type."""
    return {name: key for name, key in _said_of(xml, "hotkey").items() if is_typed(key)}


def _said_of(xml: str, attribute: str) -> dict[str, str]:
    """An attribute of the labels of a config that is there, of those that have it."""
    root = read_xml(xml)
    found = chain.from_iterable(_choices_in(root, name) for name in (LABEL, OFTEN))
    return {comparable(each.get("value") or ""): said for each in found if (said := each.get(attribute))}


def hand_on_aliases(view: Xml.Element, names: Sequence[str], before: str) -> None:
    """Have renamed labels written as they were. Raises OnetagError where another label is called so."""
    aliases = _said_of(before, "alias")
    for name in names:
        if aliases.get(name, name) != name and aliases[name] in names:
            raise OnetagError(
                f"Answers write {name!r} as {aliases[name]!r}, which it was called before: no other label "
                "can be called so.",
                "Choose another name for the other one.",
            )
    for option in chain.from_iterable(_choices_in(view, name) for name in (LABEL, OFTEN, SUGGESTED, ABOUT)):
        if (alias := aliases.get(option.get("value") or "")) is not None:
            option.set("alias", alias)


def often_in(xml: str | None) -> tuple[str, ...]:
    """The labels that have buttons beside the list, in a config that is there."""
    found = _choices_in(read_xml(xml), OFTEN) if xml else ()
    return tuple(comparable(each.get("value") or "") for each in found)


def progress_in(xml: str | None) -> str:
    """Where the link of a config that is there leads to; empty where there is none."""
    shown = [each.get("value") or "" for each in read_xml(xml).iter("Markdown")] if xml else []
    found = next(filter(None, (LINK.search(text) for text in shown)), None)
    return unescape(found[1]) if found else ""


def _choices_in(root: Xml.Element, name: str) -> Iterable[Xml.Element]:
    control = named(root, name)
    return control.iter("Choice") if control is not None else ()
