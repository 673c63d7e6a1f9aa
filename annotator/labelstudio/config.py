"""The label config: one label first, then the suggestions, then what was reviewed.

Measured with Label Studio 1.23: `visibleWhen="choice-selected"` hides the suggestions until a label is
chosen, for Choices and for Taxonomy; `single-radio` draws radio buttons; a Taxonomy has a search field.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError

LABEL, SUGGESTED, REVIEW, IMAGE = "label", "suggested", "review", "image"
SUGGESTIONS_CHECKED = "Suggestions checked"
ALL_LABELS_MARKED = "All labels marked"

MAX_CHOICES = 60  # beyond, a list with search is quicker than buttons
HOTKEYS = "123456789qwertyuiopasdfghjklzxcvbnm"

Kind = Literal["choices", "taxonomy"]
KINDS: dict[str, Kind] = {"Choices": "choices", "Taxonomy": "taxonomy"}


@dataclass(frozen=True)
class LabelConfig:
    """What a label config says: the labels in order, the field of the image, how labels are listed."""

    labels: tuple[str, ...]
    image_field: str
    kind: Kind


def build_config(labels: Iterable[str], *, image_field: str = IMAGE) -> str:
    """The label config of these labels, as XML for Label Studio.

    Up to 60 labels are buttons with hotkeys (1-9, then letters); more are a list with search.
    Raises OnetagError for no labels, an empty name, a name twice, or one that XML cannot hold.
    """
    names = clean_labels(labels)
    kind: Kind = "choices" if len(names) <= MAX_CHOICES else "taxonomy"
    view = Xml.Element("View", style="display: flex; gap: 24px; align-items: flex-start; flex-wrap: wrap")
    picture = Xml.SubElement(view, "View", style="flex: 3 1 480px")
    Xml.SubElement(picture, "Image", name=IMAGE, value=f"${image_field}", zoom="true")
    side = Xml.SubElement(view, "View", style="flex: 1 1 260px; max-height: 82vh; overflow-y: auto")
    Xml.SubElement(side, "Header", value="One thing in the picture", size="5")
    side.append(_label_control(names, kind))
    below = Xml.SubElement(side, "View", visibleWhen="choice-selected", whenTagName=LABEL)
    Xml.SubElement(below, "Header", value="What else is there?", size="5")
    below.append(_suggested_control(names, kind))
    Xml.SubElement(below, "Header", value="Looked closer? Then say so", size="5")
    below.append(_review_control())
    Xml.indent(view)
    return Xml.tostring(view, encoding="unicode")


def clean_labels(labels: Iterable[str]) -> list[str]:
    """Names as they will be compared everywhere: composed Unicode, single spaces, none at the ends."""
    names = [" ".join(unicodedata.normalize("NFC", label).split()) for label in labels]
    if not names:
        raise OnetagError("There are no labels.", "Name at least one, for example --labels cat,dog,tree.")
    if not all(names):
        raise OnetagError("One of the labels has no name.", "Name it, or take out the comma too many.")
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise OnetagError(f"These labels are named twice: {', '.join(twice)}.", "Keep one of each.")
    unwritable = sorted(name for name in names if not all(map(_in_xml, name)))
    if unwritable:
        raise OnetagError(
            f"Labels with control characters: {', '.join(map(ascii, unwritable))}.", "Remove those."
        )
    variables = [name for name in names if name.startswith("$")]
    if variables:
        listed = ", ".join(variables)
        raise OnetagError(
            f"Label Studio reads these labels as fields of a task: {listed}.", "Drop the leading $."
        )
    return names


def _in_xml(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cs", "Cn")


def _label_control(names: Sequence[str], kind: Kind) -> Xml.Element:
    required = {"required": "true", "requiredMessage": "Choose one label: anything that is in the picture."}
    if kind == "taxonomy":
        return _taxonomy(LABEL, names, {"maxUsages": "1", "placeholder": "Search a label", **required})
    control = Xml.Element("Choices", {"name": LABEL, "toName": IMAGE, "choice": "single-radio", **required})
    for index, name in enumerate(names):
        hotkey = {"hotkey": HOTKEYS[index]} if index < len(HOTKEYS) else {}
        Xml.SubElement(control, "Choice", {"value": name, **hotkey})
    return control


def _suggested_control(names: Sequence[str], kind: Kind) -> Xml.Element:
    if kind == "taxonomy":
        return _taxonomy(SUGGESTED, names, {"placeholder": "Search more labels"})
    control = Xml.Element("Choices", name=SUGGESTED, toName=IMAGE, choice="multiple", layout="inline")
    for name in names:
        Xml.SubElement(control, "Choice", value=name)
    return control


def _taxonomy(control_name: str, names: Sequence[str], attributes: dict[str, str]) -> Xml.Element:
    basic = {"name": control_name, "toName": IMAGE, "leafsOnly": "true"}
    control = Xml.Element("Taxonomy", basic | attributes)
    for name in names:
        Xml.SubElement(control, "Choice", value=name)
    return control


def _review_control() -> Xml.Element:
    control = Xml.Element("Choices", name=REVIEW, toName=IMAGE, choice="single-radio")
    for value in (SUGGESTIONS_CHECKED, ALL_LABELS_MARKED):
        Xml.SubElement(control, "Choice", value=value)
    return control


def parse_config(xml: str) -> LabelConfig:
    """Read a label config back, ours or one that a person edited.

    Raises OnetagError naming each control that is missing or cannot be used, with a way to mend it.
    """
    root = _read(xml)
    named = {element.get("name"): element for element in root.iter() if element.get("name")}
    field = _field(named.get(IMAGE))
    problems = [] if field else [f'<Image name="{IMAGE}" value="$image">']
    problems += [wanted for name, wanted in _WANTED.items() if not _usable(name, named.get(name))]
    if problems:
        raise OnetagError(f"The label config lacks {'; '.join(problems)}.", f"{_MEND}")
    labels = _choices(named[LABEL])
    _check_suggested(labels, _choices(named[SUGGESTED]), named)
    _check_review(_choices(named[REVIEW]))
    return LabelConfig(tuple(labels), field, KINDS[named[LABEL].tag])


_WANTED = {
    LABEL: f'<Choices name="{LABEL}"> or <Taxonomy name="{LABEL}">',
    SUGGESTED: f'<Choices name="{SUGGESTED}" choice="multiple"> or <Taxonomy name="{SUGGESTED}">',
    REVIEW: f'<Choices name="{REVIEW}" choice="single-radio">',
}
_MEND = (
    "Put it back in the project's Settings > Labeling Interface, or let `onetag connect --fix-config` do it."
)


def _read(xml: str) -> Xml.Element:
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise OnetagError("The label config declares XML entities, which it has no use for.", "Remove them.")
    try:
        return Xml.fromstring(xml)  # noqa: S314 (no entities: refused above)
    except (Xml.ParseError, ValueError) as error:
        raise OnetagError(f"The label config is not XML ({error}).", f"{_MEND}") from None


def _field(image: Xml.Element | None) -> str:
    value = (image.get("value") or "") if image is not None and image.tag == "Image" else ""
    return value[1:] if value.startswith("$") else ""


def _usable(name: str, control: Xml.Element | None) -> bool:
    if control is None or control.tag not in KINDS:
        return False
    if name == SUGGESTED and control.tag == "Choices":
        return control.get("choice") == "multiple"
    return name != REVIEW or control.tag == "Choices"


def _choices(control: Xml.Element) -> list[str]:
    if any(choice.find("Choice") is not None for choice in control.iter("Choice")):
        raise OnetagError(f"The labels of {control.get('name')!r} are nested.", "List them all on one level.")
    names = [choice.get("alias") or choice.get("value") or "" for choice in control.iter("Choice")]
    if not names or not all(names):
        raise OnetagError(
            f"The control {control.get('name')!r} has a choice without a value, or none.", "Name them."
        )
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise OnetagError(
            f"The control {control.get('name')!r} lists {', '.join(twice)} twice.", "Keep one of each."
        )
    return names


def _check_suggested(labels: list[str], suggested: list[str], named: dict[str | None, Xml.Element]) -> None:
    if named[LABEL].tag != named[SUGGESTED].tag:
        raise OnetagError(
            f"{LABEL!r} and {SUGGESTED!r} must both be Choices or both be Taxonomy.", f"{_MEND}"
        )
    apart = sorted(set(labels) ^ set(suggested))
    if apart:
        shown = ", ".join(apart[:10]) + (", ..." if len(apart) > 10 else "")
        raise OnetagError(
            f"{LABEL!r} and {SUGGESTED!r} must list the same labels; they differ in {shown}.", f"{_MEND}"
        )


def _check_review(offered: list[str]) -> None:
    lacking = {SUGGESTIONS_CHECKED, ALL_LABELS_MARKED} - set(offered)
    if lacking:
        raise OnetagError(
            f"The control {REVIEW!r} lacks the choice {', '.join(sorted(lacking))}.", f"{_MEND}"
        )
