"""Which controls of a label config could hold the labels, and what is there when none can."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import comparable
from annotator.labelstudio.controls import KINDS, Role, problem_of, read_control, role_of

LABEL, SUGGESTED, REVIEW, IMAGE = "label", "suggested", "review", "image"
OUR_LABEL, OUR_SUGGESTED, OUR_REVIEW = "onetag_label", "onetag_suggested", "onetag_review"
"""Our names where the plain ones are taken by other controls."""
QUESTION, ABOUT, ANSWER = "onetag_question", "onetag_about", "onetag_answer"
"""What was asked, of which labels, and the answer to yes or no."""
NOTE, REQUIRED = "onetag_note", "onetag_required"
OFTEN = "onetag_often"
"""Buttons beside a long list, for the labels chosen most: one that is picked there is picked in the list."""
ASIDE = frozenset({QUESTION, ABOUT, ANSWER, NOTE, REQUIRED})
"""Controls of ours that never hold the labels."""
SUGGESTIONS_CHECKED = "Suggestions checked"
ALL_LABELS_MARKED = "All labels marked"
NOTHING = "Nothing of these"
YES, NO = "Yes", "No"

MEND = (
    "Put it back in the project's Settings > Labeling Interface, or let `onetag connect --fix-config` do it."
)
CHOOSE = "Choose with `onetag connect --control NAME`"


def read_xml(xml: str) -> Xml.Element:
    """The label config as XML. Raises OnetagError for what is none, or declares entities."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        raise OnetagError("The label config declares XML entities, which it has no use for.", "Remove them.")
    try:
        return Xml.fromstring(xml)  # noqa: S314 (no entities: refused above)
    except (Xml.ParseError, ValueError) as error:
        raise OnetagError(f"The label config is not XML ({error}).", f"{MEND}") from None


def named(root: Xml.Element, name: str) -> Xml.Element | None:
    """The element of this name."""
    return next((each for each in root.iter() if each.get("name") == name), None)


def image_fields(root: Xml.Element) -> dict[str, str]:
    """The field of a task that each image shows, by the image's name."""
    found = {each.get("name") or "": (each.get("value") or "") for each in root.iter("Image")}
    return {name: value[1:] for name, value in found.items() if name and len(value) > 1 and value[0] == "$"}


def label_controls(root: Xml.Element) -> dict[str, Xml.Element]:
    """The controls that can hold labels of an image, by name; not those that ask about ours."""
    images = image_fields(root)
    below = {SUGGESTED, REVIEW, OUR_SUGGESTED, OUR_REVIEW} if our_label(root) is not None else set()
    aside = below | ASIDE | {OFTEN}
    return {
        each.get("name") or "": each
        for each in root.iter()
        if each.tag in KINDS
        and each.get("name")
        and each.get("name") not in aside
        and not reviews(each)
        and (each.get("toName") or "").split(",")[0].strip() in images
        and not problem_of(each)
    }


def our_label(root: Xml.Element) -> Xml.Element | None:
    """Our control that asks for one label: it has suggestions of the same labels below it."""
    below = suggested_control(root)
    if below is None:
        return None
    plain = [named(root, name) for name in (OUR_LABEL, LABEL)]
    like_it = [each for each in root.iter() if each.tag == below.tag and _offers(each) == _offers(below)]
    return next((each for each in (*plain, *like_it) if each is not None and _asks_for_one(each)), None)


def suggested_control(root: Xml.Element) -> Xml.Element | None:
    """Our control in which suggestions are ticked."""
    found = [named(root, name) for name in (OUR_SUGGESTED, SUGGESTED)]
    return next((each for each in found if _usable_suggested(each)), None)


def _offers(element: Xml.Element) -> set[str]:
    return {comparable(each.get("value") or "") for each in element.iter("Choice")}


def _asks_for_one(element: Xml.Element) -> bool:
    return element.tag in ("Choices", "Taxonomy") and role_of(element) is Role.ONE


def _usable_suggested(element: Xml.Element | None) -> bool:
    if element is None or element.tag not in ("Choices", "Taxonomy"):
        return False
    return element.tag == "Taxonomy" or element.get("choice") == "multiple"


def is_ours(root: Xml.Element, element: Xml.Element) -> bool:
    """Whether this is our control that asks for one label."""
    return element is our_label(root)


def choose_control(root: Xml.Element, candidates: dict[str, Xml.Element], wanted: str | None) -> Xml.Element:
    """The control that holds the labels: ours, the wanted one, or the only one.

    Raises OnetagError naming those that are there when there is none, or when several could be meant.
    """
    ours = our_label(root)
    if ours is not None and ours.get("name") in candidates and _belongs(candidates, ours, wanted):
        return ours
    if wanted is not None and wanted in candidates:
        return candidates[wanted]
    if not candidates or wanted is not None:
        raise no_control(root, candidates, wanted)
    if len(candidates) > 1:
        raise OnetagError(
            f"Several controls could hold the labels: {described(candidates.values())}.",
            f"{CHOOSE}.",
        )
    return next(iter(candidates.values()))


def _belongs(candidates: dict[str, Xml.Element], ours: Xml.Element, wanted: str | None) -> bool:
    """Whether ours came beside the wanted control, and asks for the same labels."""
    if wanted is None or wanted not in candidates:
        return True
    return not set(read_control(candidates[wanted]).labels).isdisjoint(read_control(ours).labels)


def described(elements: Iterable[Xml.Element]) -> str:
    """Controls in words: name, form, how many choices, and the first of them."""
    told = []
    for each in elements:
        options = [one.get("value") or "" for one in each.iter() if one.tag in ("Choice", "Label")]
        first = ", ".join(options[:3]) + (", ..." if len(options) > 3 else "")
        told.append(f"{each.get('name')} (<{each.tag}>: {first})")
    return "; ".join(told)


def no_control(root: Xml.Element, candidates: dict[str, Xml.Element], wanted: str | None) -> OnetagError:
    """What to tell when the wanted control, or any, is not there."""
    if not image_fields(root):
        lists = any(each.get("valueList") for each in root.iter("Image"))
        return OnetagError(
            "The label config shows a list of images in one field (valueList): one image a task is needed."
            if lists
            else 'The label config lacks <Image name="image" value="$image"/>: it shows no image.',
            f"{MEND}",
        )
    if candidates:
        return OnetagError(
            f"The label config has no control {wanted!r} that can hold labels; there are: "
            f"{described(candidates.values())}.",
            f"{CHOOSE}.",
        )
    unusable = [why for each in root.iter() if each.tag in KINDS and (why := problem_of(each))]
    there = [f"<{each.tag} name={each.get('name')!r}>" for each in root.iter() if each.get("toName")]
    return OnetagError(
        "The label config has no control that can hold labels of an image ("
        f"{', '.join(KINDS)}); it has {', '.join(there) or 'none at all'}. {' '.join(unusable)}".strip(),
        "Add one in Settings > Labeling Interface, or let `onetag connect --fix-config` add ours.",
    )


def reviews(element: Xml.Element) -> bool:
    """Whether a control asks what was looked at."""
    offered = {each.get("value") for each in element.iter("Choice")}
    return element.tag == "Choices" and bool(offered & {SUGGESTIONS_CHECKED, ALL_LABELS_MARKED, NOTHING})
