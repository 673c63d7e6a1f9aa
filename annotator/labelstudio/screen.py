"""The labelling screen: the label config that onetag makes.

It asks for one label first; once it is chosen, the same list asks what else is there, with what the model
suggests ticked and marked as the model's. What was looked at, and that nothing is there, is said by three
buttons, and a question other than "which label?" comes with the prediction: see `questions`.

Measured with Label Studio 1.23 in Chromium, at 1280 x 720 and 1440 x 900: the page leaves 932 x 594 points to
the screen, and 692 x 552 beside the table of tasks. `required` of a control holds only while the control and
the view around it are visible, so what has to be answered hangs on a control of its own that is there until
something is chosen. `<Filter>` finds in a list of choices, and Enter takes the first hit; a list of 300 opens
in 0.8 s, of 1,000 in 1.4 s and of 10,000 in 14 s, where a key takes 4 s. A `<Taxonomy>` of 10,000 opens in 9
s and finds at once; there Enter takes a hit that the arrow down has gone to. `<Choices layout="select">` has
no search.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import clean_labels, comparable
from annotator.labelstudio.candidates import (
    ABOUT,
    ALL_LABELS_MARKED,
    ANSWER,
    IMAGE,
    LABEL,
    NO,
    NOTE,
    NOTHING,
    QUESTION,
    REQUIRED,
    REVIEW,
    SUGGESTED,
    SUGGESTIONS_CHECKED,
    YES,
    named,
    read_xml,
)
from annotator.labelstudio.hotkeys import (
    ALL_KEY,
    CHECKED_KEY,
    FIND_KEY,
    NO_KEY,
    NOTHING_KEY,
    YES_KEY,
    free_key,
    label_keys,
    tick_key,
    untyped,
)
from annotator.labelstudio.screen_style import screen_style
from annotator.store.states import Question

MAX_CHOICES = 60
"""Beyond, what else is there is found in a list with search, and labels are found by typing."""
MAX_LISTED = 1000
"""Beyond, the label too."""
ONE_COLUMN, TWO_COLUMNS = 9, 24
"""Up to how many labels stand in one column, and in two."""
QUESTIONS = {
    Question.TAG: "Choose one thing that is in the picture",
    Question.CHECK: "Are the ticked ones right? Change what is wrong",
    Question.YES_NO: "Is this in the picture?",
    Question.COMPLETE: "Mark everything that is in the picture",
}
"""What the annotator reads above the labels for each kind of question, in the order of the style's rules."""
ANY_ONE = "Any one will do. The model learns from it, and suggests the rest."
WHAT_ELSE = "What else is there?"
EARLIER_WORDS = frozenset({"One thing in the picture", "What else is there?", "Looked closer? Then say so"})
"""What the screen of version 0.1 said."""
HEADING = "margin: 0; font-size: 16px; line-height: 22px"
HINT = "margin: 0; font-size: 12px; line-height: 18px; font-weight: 400"
MORE = "What do you see besides? One will do, none too"
FIND = f"Find a label: press {FIND_KEY}, type, Enter takes the first"
SUBMIT = "Ctrl+Enter submits, Ctrl+Space skips, Ctrl with the wheel zooms"
MISSING = "Choose one label, or Nothing of these."


def is_untouched(xml: str) -> bool:
    """Whether a label config is one that onetag made, of whatever version, and nobody edited."""
    try:
        root = read_xml(xml)
        control, image = named(root, LABEL), named(root, IMAGE)
        if control is None or image is None:
            return False
        labels = [each.get("value") or "" for each in control.iter("Choice")]
        field = (image.get("value") or "").removeprefix("$")
        if xml == build_config(labels, image_field=field, before=xml):
            return True
    except OnetagError:
        return False
    return _is_earlier(root)


def _is_earlier(root: Xml.Element) -> bool:
    """Whether this is the screen of version 0.1: three controls, three headings, and nothing else."""
    names = {each.get("name") for each in root.iter() if each.get("name")}
    words = {each.get("value") for each in root.iter("Header")}
    plain = all(
        each.attrib.keys() <= {"value", "hotkey"} and not len(each) and each.get("value")
        for each in root.iter("Choice")
    )
    tags = {each.tag for each in root.iter()}
    return (
        plain
        and names == {IMAGE, LABEL, SUGGESTED, REVIEW}
        and words == EARLIER_WORDS
        and tags <= {"View", "Header", "Image", "Choices", "Taxonomy", "Choice"}
    )


def build_config(labels: Iterable[str], *, image_field: str = IMAGE, before: str | None = None) -> str:
    """The label config of these labels, as XML for Label Studio.

    before: the config that it takes the place of, whose labels keep their keys, and their aliases, which are
    how answers write them. Up to 60 labels are buttons with hotkeys; more are a list with search. Raises
    OnetagError for no labels, an empty name, a name twice, one that XML cannot hold, or one that is the alias
    of another label.
    """
    names = clean_labels(labels)
    listed = len(names) <= MAX_CHOICES
    keys = label_keys(names, keys_of(before) if before else {}) if listed else {}
    view = Xml.Element("View", className=f"onetag onetag-{_columns(len(names))}")
    Xml.SubElement(view, "Style").text = screen_style(len(names) if listed else 0)
    picture = Xml.SubElement(view, "View", className="onetag-picture")
    sight = {"zoom": "true", "zoomControl": "false", "maxHeight": "calc(100vh - 176px)"}
    Xml.SubElement(picture, "Image", {"name": IMAGE, "value": f"${image_field}", **sight})
    ask = Xml.SubElement(view, "View", className="onetag-ask")
    _add_question(ask, names, keys)
    _add_label(ask, names, keys)
    _add_suggested(ask, names, keys)
    _add_review(ask, keys)
    _add_required(ask)
    _add_aliases(view, names, _said_of(before, "alias") if before else {})
    Xml.indent(view)
    return Xml.tostring(view, encoding="unicode")


def keys_of(xml: str) -> dict[str, str]:
    """The key of each label in a config that is there."""
    return _said_of(xml, "hotkey")


def _said_of(xml: str, attribute: str) -> dict[str, str]:
    """An attribute of the labels of a config that is there, of those that have it."""
    control = named(read_xml(xml), LABEL)
    found = control.iter("Choice") if control is not None else ()
    return {comparable(each.get("value") or ""): said for each in found if (said := each.get(attribute))}


def _columns(labels: int) -> int:
    return 1 if labels <= ONE_COLUMN else 2 if labels <= TWO_COLUMNS or labels > MAX_CHOICES else 3


def _add_question(ask: Xml.Element, names: Sequence[str], keys: Mapping[str, str]) -> None:
    """What is asked, in words: the model's question, or the plain one where none came with the task."""
    plain = _view(ask, "onetag-plain", unless=QUESTION)
    Xml.SubElement(plain, "Header", value=QUESTIONS[Question.TAG], size="5", style=HEADING)
    Xml.SubElement(plain, "Header", value=ANY_ONE, size="5", style=HINT)
    nobody = untyped(0)
    words = _choices(_view(ask, "onetag-question"), QUESTION, "single-radio")
    for question, text in QUESTIONS.items():
        Xml.SubElement(words, "Choice", value=question.value, html=text, hotkey=next(nobody))
    about = _view(ask, "onetag-about")
    if keys:
        _list(about, ABOUT, "multiple", {name: next(nobody) for name in names})
    else:
        Xml.SubElement(about, "TextArea", name=ABOUT, toName=IMAGE, maxSubmissions="1")
    answers = _choices(_view(ask, "onetag-buttons", asked=Question.YES_NO), ANSWER, "single")
    for value, key in ((YES, YES_KEY), (NO, NO_KEY)):
        Xml.SubElement(answers, "Choice", value=value, hotkey=free_key(key, keys.values()))
    besides = _view(ask, "onetag-besides", asked=Question.YES_NO)
    Xml.SubElement(besides, "Header", value=MORE, size="5", style=HINT)


def _add_label(ask: Xml.Element, names: Sequence[str], keys: Mapping[str, str]) -> None:
    if len(names) > MAX_LISTED:
        found = {"maxUsages": "1", "placeholder": "Search a label"}
        _taxonomy(_view(ask, "onetag-one"), LABEL, names, found)
        return
    if not keys:
        find = {"name": "onetag_find", "toName": LABEL, "hotkey": FIND_KEY, "minlength": "0"}
        Xml.SubElement(_view(ask, "onetag-find", unless=LABEL), "Filter", find, placeholder=FIND)
    one = _view(ask, "onetag-list onetag-one" if keys else "onetag-list onetag-one onetag-unkeyed")
    nobody = untyped(len(QUESTIONS))
    _list(one, LABEL, "single", keys or {name: next(nobody) for name in names})


def _add_suggested(ask: Xml.Element, names: Sequence[str], keys: Mapping[str, str]) -> None:
    also = _view(ask, "onetag-list onetag-also")
    Xml.SubElement(_view(also, "onetag-what"), "Header", value=WHAT_ELSE, size="5", style=HEADING)
    Xml.SubElement(_view(also, "onetag-note"), "TextArea", name=NOTE, toName=IMAGE, maxSubmissions="1")
    if keys:
        _list(also, SUGGESTED, "multiple", {name: tick_key(key) for name, key in keys.items()})
    else:
        _taxonomy(also, SUGGESTED, names, {"placeholder": "Search more labels"})


def _add_review(ask: Xml.Element, keys: Mapping[str, str]) -> None:
    review = _choices(_view(ask, "onetag-buttons onetag-review"), REVIEW, "single")
    wanted = {SUGGESTIONS_CHECKED: CHECKED_KEY, ALL_LABELS_MARKED: ALL_KEY, NOTHING: NOTHING_KEY}
    for value, key in wanted.items():
        Xml.SubElement(review, "Choice", value=value, hotkey=free_key(key, keys.values()))
    Xml.SubElement(ask, "Header", value=SUBMIT, size="5", style=HINT)


def _add_required(ask: Xml.Element) -> None:
    """What keeps Label Studio from taking an answer that says nothing at all."""
    view = ask
    for control in (LABEL, REVIEW, ANSWER):
        view = _view(view, "onetag-never", unless=control)
    required = _choices(view, REQUIRED, "single")
    required.attrib |= {"required": "true", "requiredMessage": MISSING}
    Xml.SubElement(required, "Choice", value="-", hotkey=next(untyped(len(QUESTIONS) + MAX_LISTED)))


def _add_aliases(view: Xml.Element, names: Sequence[str], aliases: Mapping[str, str]) -> None:
    """Have renamed labels written as they were."""
    for name in names:
        if aliases.get(name, name) != name and aliases[name] in names:
            raise OnetagError(
                f"Answers write {name!r} as {aliases[name]!r}, which it was called before: no other label "
                "can be called so.",
                "Choose another name for the other one.",
            )
    for control in filter(None, (named(view, each) for each in (LABEL, SUGGESTED, ABOUT))):
        for option in control.iter("Choice"):
            if (alias := aliases.get(option.get("value") or "")) is not None:
                option.set("alias", alias)


def _view(
    parent: Xml.Element, classes: str, *, unless: str | None = None, asked: Question | None = None
) -> Xml.Element:
    """A part of the page: always there, until a control has an answer, or for one kind of question."""
    view = Xml.SubElement(parent, "View", className=classes)
    if unless is not None:
        view.attrib |= {"visibleWhen": "choice-unselected", "whenTagName": unless}
    if asked is not None:
        when = {"visibleWhen": "choice-selected", "whenTagName": QUESTION, "whenChoiceValue": asked.value}
        view.attrib |= when
    return view


def _choices(view: Xml.Element, name: str, choice: str) -> Xml.Element:
    return Xml.SubElement(view, "Choices", name=name, toName=IMAGE, choice=choice)


def _list(view: Xml.Element, name: str, choice: str, keys: Mapping[str, str]) -> None:
    control = _choices(view, name, choice)
    for label, key in keys.items():
        Xml.SubElement(control, "Choice", value=label, hotkey=key)


def _taxonomy(view: Xml.Element, name: str, names: Sequence[str], attributes: Mapping[str, str]) -> None:
    basic = {"name": name, "toName": IMAGE, "leafsOnly": "true"}
    control = Xml.SubElement(view, "Taxonomy", {**basic, **attributes})
    for label in names:
        Xml.SubElement(control, "Choice", value=label)
