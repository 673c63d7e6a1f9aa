"""Changing one label in a label config, whoever made it, and leaving all else in it as it is.

A renamed label keeps how it is written: its former name becomes its alias. So answers, drafts, predictions
and open pages that hold the former name go on meaning it, in Label Studio as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import comparable
from annotator.labelstudio.candidates import ABOUT, named
from annotator.labelstudio.config import Chosen, LabelConfig, parse_config
from annotator.labelstudio.controls import REGION_TAGS
from annotator.labelstudio.screen import build_config
from annotator.labelstudio.untouched import is_untouched, signed_as

CONDITIONS = ("whenChoiceValue", "whenLabelValue")
"""Attributes by which another part of a label config depends on a label's name."""


def renamed(xml: str, chosen: Chosen, old: str, new: str) -> str:
    """The label config in which the label `old` is called `new`, and is written as before.

    Raises OnetagError where that cannot be done safely, saying what to change by hand.
    """
    before, root = parse_config(xml, chosen), _read(xml)
    if old not in before.labels:
        raise _gone(old)
    _refuse_conditions(root, old)
    for option in _options(root, before, old):
        written = option.get("alias") or option.get("value") or ""
        option.set("value", new)
        option.set("alias", written)
        if written == new:
            del option.attrib["alias"]
    changed = signed_as(Xml.tostring(root, encoding="unicode"), xml)
    after = parse_config(changed, chosen)
    expected = {new if name == old else name: written for name, written in before.control.written.items()}
    means_itself = all(after.control.label_of(written) == name for name, written in expected.items())
    if after.control.written != expected or not means_itself or after.control.label_of((new,)) != new:
        raise _by_hand(old, "another label is called or written so")
    return changed


def without(xml: str, chosen: Chosen, label: str) -> str:
    """The label config that does not offer a label. Raises OnetagError where that cannot be done safely."""
    before, root = parse_config(xml, chosen), _read(xml)
    left = [name for name in before.labels if name != label]
    if len(left) == len(before.labels):
        raise _gone(label)
    if not left:
        raise OnetagError(
            "It is the only label: without it nothing could be asked.", "Add another one first."
        )
    if is_untouched(xml):
        return build_config(left, image_field=before.image_field, before=xml)
    _refuse_conditions(root, label)
    options = _options(root, before, label)
    for parent in list(root.iter()):
        for option in [each for each in parent if each in options]:
            parent.remove(option)
    return _checked(root, chosen, left, label)


def with_label(xml: str, chosen: Chosen, label: str, alias: str | None) -> str:
    """The label config that offers a label too, after all others. alias: how answers write it, where not by
    its name. Raises OnetagError where that cannot be done safely.
    """
    before, root = parse_config(xml, chosen), _read(xml)
    if label in before.labels:
        return xml
    word = alias or label
    taken = before.control.label_of((word,)) or before.control.label_of((label,))
    if taken is not None:
        raise _by_hand(label, f"answers that hold {word!r} mean {taken!r}")
    if is_untouched(xml):
        made = build_config([*before.labels, word], image_field=before.image_field, before=xml)
        return renamed(made, chosen, word, label) if alias else made
    buttons = before.often.name if before.often is not None else None
    for control in (each for each in _controls(root, before) if each.get("name") != buttons):
        tag = "Label" if control.tag in REGION_TAGS else "Choice"
        if control.find(f".//{tag}") is not None:
            Xml.SubElement(control, tag, {"value": label, **({"alias": alias} if alias else {})})
    return _checked(root, chosen, [*before.labels, label], label)


def _checked(root: Xml.Element, chosen: Chosen, labels: Sequence[str], label: str) -> str:
    changed = Xml.tostring(root, encoding="unicode")
    if list(parse_config(changed, chosen).labels) != list(labels):
        raise _by_hand(label, "another control would hold the labels")
    return changed


def _read(xml: str) -> Xml.Element:
    """The label config with its comments; what it may hold is known to be harmless (`parse_config`)."""
    builder = Xml.TreeBuilder(insert_comments=True)
    return Xml.fromstring(xml, parser=Xml.XMLParser(target=builder))  # noqa: S314 (see above)


def _options(root: Xml.Element, config: LabelConfig, label: str) -> list[Xml.Element]:
    """The options that offer a label: of the control that holds the labels, and of those that repeat it."""
    controls = _controls(root, config)
    if any(each.find("Choice") is not None for control in controls for each in control.iter("Choice")):
        raise _by_hand(label, "its labels are nested")
    return [
        option
        for control in controls
        for option in control.iter("Label" if control.tag in REGION_TAGS else "Choice")
        if comparable(option.get("value") or "") == label
    ]


def _controls(root: Xml.Element, config: LabelConfig) -> list[Xml.Element]:
    """The control that holds the labels, and those that repeat them."""
    names = [*(each.name for each in config.holders), ABOUT]
    return [each for name in names if (each := named(root, name)) is not None]


def _refuse_conditions(root: Xml.Element, label: str) -> None:
    for each in root.iter():
        for attribute in CONDITIONS:
            if label in map(comparable, (each.get(attribute) or "").split(",")):
                raise _by_hand(label, f"a part of it is shown by its name ({attribute})")


def _gone(label: str) -> OnetagError:
    return OnetagError(f"The label config has no label {label!r} any more.", "Load the page again.")


def _by_hand(label: str, why: str) -> OnetagError:
    return OnetagError(
        f"The label config cannot be changed from here: {why}.",
        "Change it in Label Studio (Settings > Labeling Interface > Code). Where a label gets another `value`"
        f", keep what answers call it as its `alias`, at first {label!r}: it stays the same label then.",
    )
