"""Our controls beside what a label config has: nothing that is there is lost, neither alias nor answer.

Measured with Label Studio 1.23: it refuses with 400 a change that drops a control, or a choice, that answers
use; so only additions are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import clean_labels, comparable
from annotator.labelstudio.candidates import (
    ABOUT,
    ALL_LABELS_MARKED,
    LABEL,
    OUR_LABEL,
    OUR_REVIEW,
    OUR_SUGGESTED,
    REVIEW,
    SUGGESTED,
    SUGGESTIONS_CHECKED,
    choose_control,
    image_fields,
    label_controls,
    named,
    our_label,
    reviews,
    suggested_control,
)
from annotator.labelstudio.config import parse_config
from annotator.labelstudio.controls import REGION_TAGS, Role, role_of
from annotator.labelstudio.hotkeys import label_keys, tick_key, untyped
from annotator.labelstudio.screen import MAX_CHOICES, build_config
from annotator.labelstudio.untouched import is_untouched

ADDED_KEYS = 5000
"""The number of the first key that nobody types of those that are given to what is added."""
KEPT = ("value", "alias", "hint", "html", "color", "background", "selected")


def mended(xml: str, control: str | None = None, labels: Sequence[str] | None = None) -> str:
    """A label config with our three controls, for the labels of one control and those named besides.

    control: the one whose labels are taken; None where there is only one. Raises OnetagError when several
    could be meant, when there are no labels, or when no image is shown.
    """
    root = _read(xml)
    if not any(each.get("toName") for each in root.iter()) and not image_fields(root):
        return build_config(labels or ())
    if is_untouched(xml):
        there = parse_config(xml)
        wanted = dict.fromkeys([*there.labels, *map(comparable, labels or ())])
        return build_config(wanted, image_field=there.image_field, before=xml)
    candidates = label_controls(root)
    if candidates:
        source = choose_control(root, candidates, control)
    elif image_fields(root):
        source = None
    else:
        raise OnetagError(
            "The label config shows no image, so our controls have nothing to ask about.",
            'Add <Image name="image" value="$image"/> in Settings > Labeling Interface.',
        )
    options = _options(source, labels or ())
    below, about = suggested_control(root), named(root, ABOUT)
    if source is not None and below is not None and source is our_label(root):
        options = _options(source, [*(_name(each) for each in _options(below, ())), *(labels or ())], below)
        keys = _keys_for(source, options)
        _complete(source, options, keys)
        _complete(below, options, {name: tick_key(key) for name, key in keys.items()})
        if about is not None and about.tag == "Choices":
            _complete(about, options, dict(zip(keys, untyped(ADDED_KEYS), strict=False)))
        _complete_review(root, source)
    else:
        _add_ours(root, source, options)
    Xml.indent(root)
    return Xml.tostring(root, encoding="unicode")


def _read(xml: str) -> Xml.Element:
    builder = Xml.TreeBuilder(insert_comments=True)
    try:
        return Xml.fromstring(xml, parser=Xml.XMLParser(target=builder))  # noqa: S314 (Label Studio parsed it)
    except Xml.ParseError:
        return Xml.Element("View")


def _name(option: Xml.Element) -> str:
    return comparable(option.get("value") or "")


def _options(
    source: Xml.Element | None, labels: Sequence[str], also: Xml.Element | None = None
) -> list[Xml.Element]:
    """The options of a control, aliases and hints kept, then labels that it lacks, from `also` or new."""
    tag = "Label" if source is not None and source.tag in REGION_TAGS else "Choice"
    found = {_name(each): _copy(each) for each in (source.findall(tag) if source is not None else ())}
    others = {_name(each): _copy(each) for each in (also.findall("Choice") if also is not None else ())}
    for name in clean_labels(dict.fromkeys(map(comparable, labels))) if labels else ():
        found.setdefault(name, others.get(name, Xml.Element("Choice", value=name)))
    if not found:
        raise OnetagError(
            "The label config offers no choices to take over.", "Name the labels with --labels a,b,c."
        )
    return list(found.values())


def _copy(option: Xml.Element) -> Xml.Element:
    """An option for another control, with all below it; hotkeys stay where they are."""
    copied = Xml.Element("Choice", {key: value for key, value in option.attrib.items() if key in KEPT})
    copied.attrib.pop("selected", None)
    copied.extend(_copy(each) for each in option.findall("Choice"))
    return copied


def _keys_for(source: Xml.Element, options: Sequence[Xml.Element]) -> dict[str, str]:
    """A key for each label where our list has some: Label Studio would give one that moves."""
    before = {_name(each): key for each in source.findall("Choice") if (key := each.get("hotkey"))}
    return label_keys(map(_name, options), before) if before else {}


def _complete(
    control: Xml.Element, options: Sequence[Xml.Element], keys: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Add the options that a control of ours lacks, with their keys."""
    there = {_name(each) for each in control.findall("Choice")}
    for each in options:
        if _name(each) not in there:
            added = deepcopy(each)
            if control.tag == "Choices" and _name(each) in keys:
                added.set("hotkey", keys[_name(each)])
            control.append(added)


def _complete_review(root: Xml.Element, label: Xml.Element) -> None:
    review = next((each for name in (OUR_REVIEW, REVIEW) if (each := named(root, name)) is not None), None)
    if review is None or not reviews(review):
        view = Xml.SubElement(
            root, "View", visibleWhen="choice-selected", whenTagName=label.get("name") or ""
        )
        view.extend(_review(_free(root, REVIEW, OUR_REVIEW), label.get("toName") or ""))
        return
    offered = {each.get("value") for each in review.findall("Choice")}
    for value in (SUGGESTIONS_CHECKED, ALL_LABELS_MARKED):
        if value not in offered:
            Xml.SubElement(review, "Choice", value=value)


def _below(root: Xml.Element, label: Xml.Element) -> Xml.Element:
    """A view that is hidden until a label is chosen."""
    return Xml.SubElement(root, "View", visibleWhen="choice-selected", whenTagName=label.get("name") or "")


def _add_ours(root: Xml.Element, source: Xml.Element | None, options: Sequence[Xml.Element]) -> None:
    """Add the label (unless the source asks for one already), what is suggested, and the review."""
    image = next(iter(image_fields(root))) if source is None else (source.get("toName") or "").split(",")[0]
    if source is not None and role_of(source) is Role.ONE:
        label, tag = source, source.tag
    else:
        nested = any(each.find("Choice") is not None for each in options)
        tag = "Taxonomy" if nested or len(options) > MAX_CHOICES else "Choices"
        label = Xml.SubElement(root, tag, name=_free(root, LABEL, OUR_LABEL), toName=image, required="true")
        label.set(*(("maxUsages", "1") if tag == "Taxonomy" else ("choice", "single-radio")))
        if source is not None and source.get("leafsOnly"):
            label.set("leafsOnly", source.get("leafsOnly", ""))
        label.extend(deepcopy(each) for each in options)
    view = _below(root, label)
    Xml.SubElement(view, "Header", value="What else is there?", size="5")
    below = Xml.SubElement(view, tag, name=_free(root, SUGGESTED, OUR_SUGGESTED), toName=image)
    if tag == "Choices":
        below.set("choice", "multiple")
    if label.get("leafsOnly"):
        below.set("leafsOnly", label.get("leafsOnly", ""))
    below.extend(deepcopy(each) for each in options)
    view.extend(_review(_free(root, REVIEW, OUR_REVIEW), image))


def _review(name: str, image: str) -> Iterator[Xml.Element]:
    yield Xml.Element("Header", value="Looked closer? Then say so", size="5")
    control = Xml.Element("Choices", name=name, toName=image, choice="single-radio")
    for value in (SUGGESTIONS_CHECKED, ALL_LABELS_MARKED):
        Xml.SubElement(control, "Choice", value=value)
    yield control


def _free(root: Xml.Element, plain: str, ours: str) -> str:
    """The plain name, or ours where the plain one is taken."""
    return plain if named(root, plain) is None else ours
