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
Choices that come with a task (`value="$field"`) are refused beside choices of the config, and a change of a
task's data takes 170 ms; so the buttons beside a long list are the config's own. A link is a `<Markdown>`
with HTML: a `<Header>` shows text alone, and Markdown's own links leave the page that is being answered.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from xml.etree import ElementTree as Xml

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
    OFTEN,
    QUESTION,
    REQUIRED,
    REVIEW,
    SUGGESTED,
    SUGGESTIONS_CHECKED,
    YES,
)
from annotator.labelstudio.hotkeys import (
    ALL_KEY,
    CHECKED_KEY,
    NO_KEY,
    NOTHING_KEY,
    YES_KEY,
    find_key,
    free_key,
    is_typed,
    label_keys,
    tick_key,
    untyped,
)
from annotator.labelstudio.screen_before import hand_on_aliases, keys_of, often_in, progress_in
from annotator.labelstudio.screen_style import screen_style
from annotator.labelstudio.untouched import FIND, signed
from annotator.store.states import Question

MAX_CHOICES = 60
"""Beyond, what else is there is found in a list with search, and labels are found by typing."""
MAX_LISTED = 1000
"""Beyond, the label too."""
ONE_COLUMN, TWO_COLUMNS = 9, 24
"""Up to how many labels stand in one column, and in two."""
QUESTIONS = {
    Question.TAG: "Choose one thing that is in the picture",
    Question.CHECK: "Which of the model's guesses are in the picture?",
    Question.YES_NO: "Is this in the picture?",
    Question.COMPLETE: "Mark everything that is in the picture",
}
"""What the annotator reads above the labels for each kind of question, in the order of the style's rules."""
ANY_ONE = "Any one will do. The model learns from it, and suggests the rest."
WHAT_ELSE = "What else is there?"
HEADING = "margin: 0; font-size: 16px; line-height: 22px"
HINT = "margin: 0; font-size: 12px; line-height: 18px; font-weight: 400"
MORE = "What do you see besides? One will do, none too"
FIND_WORDS = "Find a label: press {}, type, Enter takes the first"
OFTEN_WORDS = "Often chosen"
SUBMIT = "Ctrl+Enter submits, Ctrl+Space skips, Ctrl with the wheel zooms"
HOW_FAR = "How far the model is"
"""What the link to the page's Progress says."""
MISSING = "Choose one label, or Nothing of these."


def build_config(
    labels: Iterable[str],
    *,
    image_field: str = IMAGE,
    before: str | None = None,
    often: Sequence[str] | None = None,
    progress: str | None = None,
) -> str:
    """The label config of these labels, as XML for Label Studio.

    before: the config that it takes the place of, whose labels keep their keys, and their aliases, which are
    how answers write them. often: labels that stand as buttons beside a list with search. progress: where the
    page tells how far the model is; empty for no link. Both are those of `before` where None is given. Up to
    60 labels are all listed with hotkeys; more are a list with search. Raises OnetagError for no labels, an
    empty name, a name twice, one that XML cannot hold, or one that is the alias of another label.
    """
    names = clean_labels(labels)
    listed = len(names) <= MAX_CHOICES
    had = keys_of(before) if before else {}
    keys = label_keys(names, had) if listed else {name: key for name in names if (key := had.get(name))}
    buttons = {} if listed else _buttons(names, often_in(before) if often is None else often, keys)
    columns = _columns(len(names))
    view = Xml.Element("View", className=f"onetag onetag-{columns}")
    typed = [place for place, name in enumerate(names, 1) if name in keys.keys() - buttons.keys()]
    style = screen_style(len(names), columns) if listed else screen_style(0, columns, typed)
    Xml.SubElement(view, "Style").text = style
    picture = Xml.SubElement(view, "View", className="onetag-picture")
    sight = {"zoom": "true", "zoomControl": "false", "maxHeight": "calc(100vh - 176px)"}
    Xml.SubElement(picture, "Image", {"name": IMAGE, "value": f"${image_field}", **sight})
    ask = Xml.SubElement(view, "View", className="onetag-ask")
    taken = {**keys, **buttons}.values()
    _add_question(ask, names if listed else (), taken)
    if listed:
        _list(_view(ask, "onetag-list onetag-one"), LABEL, "single", keys)
    else:
        _add_buttons(ask, buttons)
        _add_search(ask, names, {name: key for name, key in keys.items() if name not in buttons}, taken)
    _add_suggested(ask, names, keys if listed else {})
    _add_review(ask, taken)
    _add_footer(ask, progress_in(before) if progress is None else progress)
    _add_required(ask, (LABEL, OFTEN) if buttons else (LABEL,))
    if before:
        hand_on_aliases(view, names, before)
    Xml.indent(view)
    return signed(Xml.tostring(view, encoding="unicode"))


def _buttons(names: Sequence[str], often: Sequence[str], keys: Mapping[str, str]) -> dict[str, str]:
    """The labels with buttons, and their keys; one for which no key is left has no button."""
    there = [name for name in dict.fromkeys(map(comparable, often)) if name in set(names)]
    given = label_keys(there, keys, (find_key(keys.values()),))
    return {name: key for name, key in given.items() if is_typed(key)}


def _columns(labels: int) -> int:
    return 1 if labels <= ONE_COLUMN else 2 if labels <= TWO_COLUMNS or labels > MAX_CHOICES else 3


def _add_question(ask: Xml.Element, listed: Sequence[str], taken: Collection[str]) -> None:
    """What is asked, in words: the model's question, or the plain one where none came with the task."""
    plain = _view(ask, "onetag-plain", unless=QUESTION)
    Xml.SubElement(plain, "Header", value=QUESTIONS[Question.TAG], size="5", style=HEADING)
    Xml.SubElement(plain, "Header", value=ANY_ONE, size="5", style=HINT)
    nobody = untyped(0)
    words = _choices(_view(ask, "onetag-question"), QUESTION, "single-radio")
    for question, text in QUESTIONS.items():
        Xml.SubElement(words, "Choice", value=question.value, html=text, hotkey=next(nobody))
    about = _view(ask, "onetag-about")
    if listed:
        _list(about, ABOUT, "multiple", {name: next(nobody) for name in listed})
    else:
        Xml.SubElement(about, "TextArea", name=ABOUT, toName=IMAGE, maxSubmissions="1")
    answers = _choices(_view(ask, "onetag-buttons", asked=Question.YES_NO), ANSWER, "single")
    for value, key in ((YES, YES_KEY), (NO, NO_KEY)):
        Xml.SubElement(answers, "Choice", value=value, hotkey=free_key(key, taken))
    besides = _view(ask, "onetag-besides", asked=Question.YES_NO)
    Xml.SubElement(besides, "Header", value=MORE, size="5", style=HINT)


def _add_buttons(ask: Xml.Element, buttons: Mapping[str, str]) -> None:
    """The labels that are chosen most, which need not be searched."""
    if buttons:
        view = _view(ask, "onetag-often")
        Xml.SubElement(view, "Header", value=OFTEN_WORDS, size="5", style=HINT)
        _list(view, OFTEN, "single", buttons)


def _add_search(
    ask: Xml.Element, names: Sequence[str], keys: Mapping[str, str], taken: Collection[str]
) -> None:
    """The list of all labels, and what finds one in it. keys: of labels that had one in a shorter list."""
    if len(names) > MAX_LISTED:
        found = {"maxUsages": "1", "placeholder": "Search a label"}
        _taxonomy(_view(ask, "onetag-one"), LABEL, names, found)
        return
    key = find_key(taken)
    find = {"name": FIND, "toName": LABEL, "hotkey": key, "minlength": "0"}
    Xml.SubElement(
        _view(ask, "onetag-find", unless=LABEL), "Filter", find, placeholder=FIND_WORDS.format(key)
    )
    nobody = untyped(len(QUESTIONS))
    listed = {name: keys.get(name) or next(nobody) for name in names}
    _list(_view(ask, "onetag-list onetag-one onetag-unkeyed"), LABEL, "single", listed)


def _add_suggested(ask: Xml.Element, names: Sequence[str], keys: Mapping[str, str]) -> None:
    also = _view(ask, "onetag-list onetag-also")
    Xml.SubElement(_view(also, "onetag-what"), "Header", value=WHAT_ELSE, size="5", style=HEADING)
    Xml.SubElement(_view(also, "onetag-note"), "TextArea", name=NOTE, toName=IMAGE, maxSubmissions="1")
    if keys:
        _list(also, SUGGESTED, "multiple", {name: tick_key(key) for name, key in keys.items()})
    else:
        _taxonomy(also, SUGGESTED, names, {"placeholder": "Search more labels"})


def _add_review(ask: Xml.Element, taken: Collection[str]) -> None:
    review = _choices(_view(ask, "onetag-buttons onetag-review"), REVIEW, "single")
    wanted = {SUGGESTIONS_CHECKED: CHECKED_KEY, ALL_LABELS_MARKED: ALL_KEY, NOTHING: NOTHING_KEY}
    for value, key in wanted.items():
        Xml.SubElement(review, "Choice", value=value, hotkey=free_key(key, taken))


def _add_footer(ask: Xml.Element, progress: str) -> None:
    """The keys that are Label Studio's own, and the way to the page."""
    footer = _view(ask, "onetag-footer")
    Xml.SubElement(footer, "Header", value=SUBMIT, size="5", style=HINT)
    if progress:
        address = escape(progress.replace("$", "%24"))  # Label Studio fills in a field of the task for $name
        text = f'<a href="{address}" target="_blank" rel="noopener">{HOW_FAR}</a>'
        Xml.SubElement(footer, "Markdown", value=text)


def _add_required(ask: Xml.Element, named: Sequence[str]) -> None:
    """What keeps Label Studio from taking an answer that says nothing at all."""
    view = ask
    for control in (*named, REVIEW, ANSWER):
        view = _view(view, "onetag-never", unless=control)
    required = _choices(view, REQUIRED, "single")
    required.attrib |= {"required": "true", "requiredMessage": MISSING}
    Xml.SubElement(required, "Choice", value="-", hotkey=next(untyped(len(QUESTIONS) + MAX_LISTED)))


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
