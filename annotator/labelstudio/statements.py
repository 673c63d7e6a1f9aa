"""What each control of an answer says, beside what had been shown in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from annotator.labelstudio.answers import CHANGED, TOUCHED, UNTOUCHED, Region, question_in, reading
from annotator.labelstudio.candidates import ANSWER, NO, YES
from annotator.labelstudio.config import ALL_LABELS_MARKED, NOTHING, SUGGESTIONS_CHECKED, LabelConfig
from annotator.labelstudio.controls import Control, Role
from annotator.store.records import Observed
from annotator.store.states import Question, Review, Source

REVIEWS = {
    ALL_LABELS_MARKED: Review.ALL_LABELS,
    SUGGESTIONS_CHECKED: Review.SUGGESTIONS,
    NOTHING: Review.NOTHING,
}
ANSWERS = {YES: 1, NO: -1}
LISTS_ALL = (Question.CHECK, Question.COMPLETE)
"""The questions on whose page all labels can be ticked at once."""


@dataclass(frozen=True)
class Statement:
    """What one control says. `ticked` is what it holds in the end, `claims` whether that is all there is."""

    control: Control
    observed: tuple[Observed, ...] = ()
    unmatched: tuple[str, ...] = ()
    ticked: tuple[str, ...] = ()
    answered: bool = False  # whether it holds anything at all
    claims: bool = False
    shown_unknown: bool = False


class Page:
    """The answer beside what was shown."""

    def __init__(self, result: Any, shown: Sequence[Any] | None, config: LabelConfig) -> None:
        self.config, self.well_formed = config, isinstance(result, list)
        self.result, self.shown = result if isinstance(result, list) else [], shown
        self._read: dict[str, tuple[list[Region], list[Region]]] = {
            control.name: (reading(self.result, control), reading(shown or [], control))
            for control in config.holders
        }
        self.question = self._question()
        self.answer = self._answer()
        self.review = self._review()

    def regions(self, control: Control) -> list[Region]:
        """The regions of a control; of all but drawn ones only the last, as Label Studio keeps it."""
        found = self._read[control.name][0]
        return found if control.role is Role.REGIONS else found[-1:]

    def shown_regions(self, control: Control) -> list[Region]:
        """Those that had been shown."""
        found = self._read[control.name][1]
        return found if control.role is Role.REGIONS else found[-1:]

    @property
    def visible(self) -> bool:
        """Whether our suggestions were: they appear once a label is chosen, or when all are asked for."""
        return self.named or self.question in LISTS_ALL

    @property
    def named(self) -> bool:
        """Whether a label was chosen, in the list or by a button."""
        return any(self.regions(each) for each in self.config.names_one)

    def _question(self) -> Question | None:
        """The question on the page, as the answer carries it; None where none came with the prediction."""
        if self.config.about is None:
            return None
        return question_in(self.result) or question_in(self.shown or [])

    def _answer(self) -> int:
        """What was said of the label that was asked about: +1, -1, or 0 where nothing was."""
        if self.question is not Question.YES_NO:
            return 0
        return next((ANSWERS[each] for each in _marks(self.result, ANSWER) if each in ANSWERS), 0)

    @property
    def about(self) -> list[Region]:
        """The labels that the question was about: of the answer itself, or else of what was shown."""
        about = self.config.about
        return reading(self.result, about)[-1:] or reading(self.shown or [], about)[-1:] if about else []

    @property
    def to_check(self) -> tuple[str, ...]:
        """The labels that the annotator was asked to check."""
        about = self.about if self.question is Question.CHECK else []
        return about[0].labels if about else ()

    def _review(self) -> Review | None:
        name = self.config.review
        if name is None:
            return None
        said, predicted = _marks(self.result, name), _marks(self.shown or [], name, shown=True)
        fresh = [REVIEWS[each] for each in said if each in REVIEWS and each not in predicted]
        if Review.NOTHING in fresh and not self.named and self.answer <= 0:
            return Review.NOTHING
        if self.config.suggested is not None and not self.visible:
            return None
        return next((each for each in (Review.ALL_LABELS, Review.SUGGESTIONS) if each in fresh), None)


def _marks(result: Sequence[Any], control: str, *, shown: bool = False) -> list[str]:
    """What is marked in a control for the review, by a person unless it is what was shown."""
    found: list[str] = []
    for region in result:
        if not isinstance(region, dict) or region.get("from_name") != control:
            continue
        value = region.get("value")
        marks = value.get("choices") if isinstance(value, dict) else None
        if isinstance(marks, list) and (shown or region.get("origin") != UNTOUCHED):
            found = [each for each in marks if isinstance(each, str)] or found
    return found


def statement_of(page: Page, control: Control) -> Statement:
    """What a control says, by what it asks for; ours below the label nothing where it was hidden."""
    if control == page.config.suggested and not page.visible:
        return Statement(control)
    if control.role is Role.REGIONS:
        return _drawn(page, control)
    return _chosen(page, control) if control.role is Role.ONE else _ticked(page, control)


def answered(page: Page) -> Statement | None:
    """What the answer to "is it there?" says of the label that was asked about; None where there is none."""
    if page.config.about is None or not page.answer:
        return None
    about = page.config.about
    region = next(iter(page.about), None)
    if region is None or len(region.labels) + len(region.unmatched) != 1:
        return Statement(about, answered=True, shown_unknown=True)
    observed = tuple(Observed(name, page.answer, Source.ANSWERED) for name in region.labels)
    return Statement(
        about, observed, region.unmatched, region.labels if page.answer > 0 else (), answered=True
    )


def _chosen(page: Page, control: Control) -> Statement:
    """One label: what a prediction had chosen already is said by nobody, unless it was reviewed."""
    region = next(iter(page.regions(control)), None)
    if region is None:
        return Statement(control)
    shown = _shown_names(page, control, region) or ()
    observed = [Observed(name, 1, Source.TAG) for name in region.labels if name not in shown]
    if page.review:
        observed += [Observed(name, 1, Source.CONFIRMED) for name in region.labels if name in shown]
    return Statement(control, tuple(observed), region.unmatched, region.labels, answered=True)


def _ticked(page: Page, control: Control) -> Statement:
    region = next(iter(page.regions(control)), None)
    shown = _shown_names(page, control, region)
    ticked, unmatched = (region.labels, region.unmatched) if region else ((), ())
    if shown is None and not page.review:
        return Statement(control, (), unmatched, ticked, answered=True, shown_unknown=True)
    before = ticked if shown is None else shown
    # What a question names is looked at as a suggestion is, once it is said to be checked.
    if page.review and control == page.config.suggested:
        before = tuple(dict.fromkeys((*before, *page.to_check)))
    if page.review is Review.NOTHING:
        return _nothing(control, ticked, before, unmatched)
    touched = bool(page.review) or _touched(region, before)
    observed = (
        []
        if not touched
        else [
            *(Observed(name, 1, Source.ADDED) for name in ticked if name not in before),
            *(Observed(name, -1, Source.REJECTED) for name in before if name not in ticked),
        ]
    )
    if page.review:
        observed += [Observed(name, 1, Source.CONFIRMED) for name in ticked if name in before]
    empty = region is None and not before
    claims = (touched or empty) and page.well_formed and not _malformed(page, control, region)
    return Statement(control, tuple(observed), unmatched, ticked, answered=region is not None, claims=claims)


def _nothing(
    control: Control, ticked: Sequence[str], before: Sequence[str], unmatched: tuple[str, ...]
) -> Statement:
    """Nothing of these: what was suggested is wrong. Who ticked another label besides contradicts that."""
    added = tuple(name for name in ticked if name not in before)
    if added:
        observed = tuple(Observed(name, 1, Source.ADDED) for name in added)
        return Statement(control, observed, unmatched, added, answered=True)
    rejected = tuple(Observed(name, -1, Source.REJECTED) for name in before)
    return Statement(control, rejected, unmatched, answered=True)


def _malformed(page: Page, control: Control, region: Region | None) -> bool:
    """Whether the control has regions of which nothing can be read."""
    return region is None and any(
        isinstance(each, dict) and each.get("from_name") == control.name for each in page.result
    )


def _drawn(page: Page, control: Control) -> Statement:
    """Regions: each says something of its own label alone; what was predicted and left says nothing."""
    regions = page.regions(control)
    shown = {each.identity: each for each in page.shown_regions(control)}
    predicted = {name for each in shown.values() for name in each.labels}
    areas = _areas(regions)
    by_label: dict[str, Observed] = {}
    for region in regions:
        left = region.origin == UNTOUCHED or region.same_as(shown.get(region.identity))
        if left and not page.review:
            continue
        for name in region.labels:
            known = left or region.origin == CHANGED or name in predicted
            source = Source.CONFIRMED if known else Source.ADDED
            prefer(by_label, Observed(name, 1, source, areas.get(name)))
    labels = tuple(dict.fromkeys(name for each in regions for name in each.labels))
    unmatched = tuple(name for each in regions for name in each.unmatched)
    all_left = not by_label and bool(regions or shown)
    claims = page.well_formed and not all_left and not _malformed(page, control, next(iter(regions), None))
    return Statement(
        control, tuple(by_label.values()), unmatched, labels, answered=bool(regions), claims=claims
    )


def _areas(regions: Sequence[Region]) -> dict[str, float]:
    """The share of the image that the regions of each label cover, added up; at most all of it."""
    areas: dict[str, float] = {}
    for region in regions:
        for name in region.labels if region.area is not None else ():
            areas[name] = min(1.0, areas.get(name, 0.0) + (region.area or 0.0))
    return areas


def _shown_names(page: Page, control: Control, region: Region | None) -> tuple[str, ...] | None:
    """The labels that had been shown in a control; None where that is not known though something was."""
    if region and region.origin == UNTOUCHED:
        return region.labels  # Label Studio says so itself
    shown = page.shown_regions(control)
    if not shown and region and region.origin == CHANGED:
        return None
    return shown[0].labels if shown else ()


def _touched(region: Region | None, shown: Sequence[str]) -> bool:
    if region is None:
        return bool(shown)  # all were unticked: the region is gone
    if region.origin is not None:
        return region.origin in TOUCHED
    return set(region.labels) != set(shown)


def prefer(values: dict[str, Observed], fresh: Observed) -> None:
    """Of two statements on one label the one that was chosen counts, then the one that was seen there."""
    known = values.get(fresh.label)
    if known is None or _rank(fresh) < _rank(known):
        values[fresh.label] = fresh


def _rank(observed: Observed) -> int:
    order = (Source.TAG, Source.CONFIRMED, Source.ADDED, Source.ANSWERED, Source.REJECTED)
    return order.index(observed.source)
