"""What the user chooses of a label config: given, kept from before, read off the config, or asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.labelstudio.candidates import described, label_controls, our_label, read_xml
from annotator.labelstudio.config import Chosen, parse_config
from annotator.labelstudio.controls import Role
from annotator.store.states import Suggest, Unticked

Ask = Callable[[str, Sequence[str]], str]
"""Asks a question with answers to choose from, and returns one of them."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; None keeps what was chosen before."""

    control: str | None = None
    image_field: str | None = None
    unticked: Unticked | None = None
    suggest: Suggest | None = None


def choose(label_config: str, wanted: Wanted, before: Chosen = Chosen(), ask: Ask | None = None) -> Chosen:  # noqa: B008
    """The choice for a label config, which it is checked against.

    `ask` is called when several controls could hold the labels; without it that is an error. Raises
    OnetagError for a choice that the config does not offer.
    """
    root = read_xml(label_config)
    control = wanted.control or _still_there(root, before.control)
    if control is None and our_label(root) is None and ask is not None:
        control = _asked(root, ask)
    chosen = Chosen(
        control,
        wanted.image_field or before.image_field,
        wanted.unticked or before.unticked,
        wanted.suggest or before.suggest,
    )
    config = parse_config(label_config, chosen)
    asks_for_all = any(each.role is not Role.ONE for each in (config.control, config.earlier) if each)
    if chosen.unticked is Unticked.ABSENT and not asks_for_all:
        raise OnetagError(
            f"{config.control.name!r} asks for one label: what it leaves out is not said to be absent.",
            "Leave --unticked absent to controls that ask for all that apply.",
        )
    return chosen


def _still_there(root: Xml.Element, control: str | None) -> str | None:
    return control if control in label_controls(root) else None


def _asked(root: Xml.Element, ask: Ask) -> str | None:
    candidates = label_controls(root)
    if len(candidates) < 2:
        return None
    there = described(candidates.values())
    return ask(f"Several controls could hold the labels: {there}. Which one?", list(candidates))
