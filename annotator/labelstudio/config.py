"""The label config: which control holds the labels, of which image, and what its answers mean.

Ours (`screen`) asks for one label first, then shows the suggestions, and asks what was reviewed. Any other
config that holds labels of an image serves as well; what cannot be read off it the user chooses (`Chosen`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from xml.etree import ElementTree as Xml

from annotator.errors import OnetagError
from annotator.label_names import clean_labels, comparable
from annotator.labelstudio.candidates import (
    ABOUT,
    ALL_LABELS_MARKED,
    ANSWER,
    IMAGE,
    LABEL,
    MEND,
    NOTE,
    NOTHING,
    OFTEN,
    OUR_REVIEW,
    QUESTION,
    REVIEW,
    SUGGESTED,
    SUGGESTIONS_CHECKED,
    choose_control,
    image_fields,
    is_ours,
    label_controls,
    named,
    read_xml,
    reviews,
    suggested_control,
)
from annotator.labelstudio.controls import Control, Kind, Role, Written, read_control
from annotator.labelstudio.screen import build_config
from annotator.store.states import Suggest, Unticked

__all__ = [
    "ALL_LABELS_MARKED",
    "IMAGE",
    "LABEL",
    "NOTHING",
    "REVIEW",
    "SUGGESTED",
    "SUGGESTIONS_CHECKED",
    "Chosen",
    "LabelConfig",
    "build_config",
    "clean_labels",
    "parse_config",
]


@dataclass(frozen=True)
class Chosen:
    """What the user chose about a label config; where nothing was chosen, the config itself tells.

    control: the one that holds the labels. image_field: the field of a task that holds the image.
    unticked, suggest: see their enums.
    """

    control: str | None = None
    image_field: str | None = None
    unticked: Unticked = Unticked.UNKNOWN
    suggest: Suggest = Suggest.TICKS


@dataclass(frozen=True)
class LabelConfig:
    """What a label config says, as everything else reads it.

    control holds the labels. image_field is the field of a task with the image, one of `image_fields`.
    suggested is the control below ours in which suggestions are ticked, review (by name) the one that says
    what was looked at; earlier is one that held the labels before ours came beside it: its answers count on.
    about holds the labels that a question is about, where the screen can show questions. often holds buttons
    for some of the labels. aside are labels that it does not offer any more, and that answers may still name.
    """

    control: Control
    image_field: str
    image_fields: tuple[str, ...]
    suggested: Control | None = None
    review: str | None = None
    earlier: Control | None = None
    about: Control | None = None
    often: Control | None = None
    unticked: Unticked = Unticked.UNKNOWN
    suggest: Suggest = Suggest.TICKS
    aside: tuple[str, ...] = ()

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the config's order."""
        return self.control.labels

    @property
    def kind(self) -> Kind:
        """How labels are listed."""
        return self.control.kind

    @property
    def ticks(self) -> Control | None:
        """The control in which suggestions come pre-ticked; None where they go to the queue's order only."""
        if self.suggest is Suggest.ORDER:
            return None
        return self.suggested or (self.control if self.control.role is Role.MANY else None)

    @property
    def asks(self) -> bool:
        """Whether questions of another kind than "which label?" can be asked."""
        return self.about is not None

    def also_reading(self, words: Mapping[str, str]) -> LabelConfig:
        """The same, which also reads names that it does not offer: labels by how results write them."""
        named = {(comparable(word),): label for word, label in words.items()}

        def reads(control: Control) -> Control:
            return replace(control, aliased=named | control.aliased)

        return replace(
            self,
            control=reads(self.control),
            suggested=self.suggested and reads(self.suggested),
            earlier=self.earlier and reads(self.earlier),
            often=self.often and reads(self.often),
            about=self.about and reads(self.about),
            aside=tuple(words.values()),
        )

    @property
    def boxes(self) -> bool:
        """Whether what else is there is ticked in a list of boxes, all in sight, and not searched."""
        return self.suggested is not None and self.suggested.kind == "choices"

    @property
    def holders(self) -> tuple[Control, ...]:
        """Every control whose answers are read."""
        found = (self.control, self.often, self.suggested, self.earlier)
        return tuple(each for each in found if each is not None)

    @property
    def names_one(self) -> tuple[Control, ...]:
        """The controls in which our screen has one label chosen: the list, and the buttons beside it."""
        return (self.control,) if self.often is None else (self.control, self.often)


def parse_config(xml: str, chosen: Chosen = Chosen()) -> LabelConfig:
    """Read a label config, ours or any other that holds labels of an image, the way the user chose.

    Raises OnetagError telling what is there when nothing holds labels, when several controls could be meant,
    or when one cannot be used, with a way to mend it.
    """
    root = read_xml(xml)
    candidates = label_controls(root)
    element = choose_control(root, candidates, chosen.control)
    control = read_control(element)
    suggested = suggested_control(root)
    review = _beside(root, (REVIEW, OUR_REVIEW))
    if is_ours(root, element):
        _check_suggested(control, suggested)
        _check_review(review)
    else:
        suggested = None
    about = _about(root, control) if suggested is not None else None
    fields = image_fields(root)
    return LabelConfig(
        control=control,
        image_field=_chosen_field(fields, control, chosen.image_field),
        image_fields=tuple(fields.values()),
        suggested=read_control(suggested) if suggested is not None else None,
        review=review.get("name") if review is not None and reviews(review) else None,
        earlier=_earlier(candidates, element, chosen.control),
        about=about,
        often=_often(root, control) if suggested is not None else None,
        unticked=chosen.unticked,
        suggest=chosen.suggest,
    )


def _chosen_field(fields: dict[str, str], control: Control, wanted: str | None) -> str:
    if wanted is None:
        return fields[control.image]
    if wanted not in fields.values():
        raise OnetagError(
            f"No image of the label config shows the field {wanted!r}; there are: "
            f"{', '.join(fields.values())}.",
            "Choose one with `onetag connect --image-field NAME`.",
        )
    return wanted


def _beside(root: Xml.Element, names: Sequence[str]) -> Xml.Element | None:
    return next((each for name in names if (each := named(root, name)) is not None), None)


def _earlier(candidates: dict[str, Xml.Element], ours: Xml.Element, wanted: str | None) -> Control | None:
    """The control that was chosen before ours came beside it."""
    if wanted is None or wanted == ours.get("name") or wanted not in candidates:
        return None
    return read_control(candidates[wanted])


def _check_suggested(control: Control, element: Xml.Element | None) -> None:
    if element is None:
        return
    suggested = read_control(element)
    apart = sorted(set(control.labels) ^ set(suggested.labels))
    if apart:
        shown = ", ".join(apart[:10]) + (", ..." if len(apart) > 10 else "")
        raise OnetagError(
            f"{control.name!r} and {suggested.name!r} must list the same labels; they differ in {shown}.",
            f"{MEND}",
        )


def _about(root: Xml.Element, control: Control) -> Control | None:
    """What a question is about, where the config has all that a question needs, with the labels of today."""
    found = {name: named(root, name) for name in (ABOUT, QUESTION, ANSWER, NOTE)}
    element = found[ABOUT]
    if element is None or None in found.values():
        return None
    if element.tag == "TextArea":  # of a long list, which is not listed once more: people read it as it is
        names: dict[str, Written] = {label: (label,) for label in control.labels}
        return replace(control, name=ABOUT, role=Role.MANY, kind="textarea", written=names)
    about = read_control(element)
    return about if set(about.labels) == set(control.labels) else None


def _often(root: Xml.Element, control: Control) -> Control | None:
    """The buttons beside the list, where they are labels of it."""
    element = named(root, OFTEN)
    if element is None or element.tag != "Choices":
        return None
    often = read_control(element)
    return often if often.role is Role.ONE and set(often.labels) <= set(control.labels) else None


def _check_review(review: Xml.Element | None) -> None:
    if review is None:
        return
    offered = {each.get("value") for each in review.iter("Choice")}
    lacking = {SUGGESTIONS_CHECKED, ALL_LABELS_MARKED} - offered
    if lacking:
        raise OnetagError(f"The control {REVIEW!r} lacks the choice {', '.join(sorted(lacking))}.", f"{MEND}")
