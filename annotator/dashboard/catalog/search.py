"""What a person looks for among the images: filters that all hold, an order and a page, as in a link."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TypeVar

from annotator.dashboard.catalog.box import Box
from annotator.unusable import Unusable

S = TypeVar("S", bound=StrEnum)

ANY_PROBLEM = "any"
LONGEST = 400  # characters of a value in a link


class SearchError(ValueError):
    """A link that says what cannot be looked for; the message tells the cure."""


class State(StrEnum):
    """What people say of a label."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"
    CONFLICT = "conflict"  # unknown because as many say yes as no


class Find(StrEnum):
    """Where people and the model do not go together."""

    DISAGREEMENT = "disagreement"
    MISSING = "missing"
    WRONG = "wrong"


class Answer(StrEnum):
    """What became of an image."""

    ANSWERED = "answered"
    OPEN = "open"
    SKIPPED = "skipped"


class Alike(StrEnum):
    """Which duplicates."""

    SAME = "same"  # the same bytes
    NEAR = "near"  # nearly the same features


class Order(StrEnum):
    """Which image comes first."""

    NEXT = "next"  # to be asked
    PROBABLE = "probable"
    IMPROBABLE = "improbable"
    UNCERTAIN = "uncertain"
    NEWEST = "newest"  # answer
    NUMBER = "number"


@dataclass(frozen=True)
class Search:
    """Filters, None where there is none; `least` and `most` are probabilities, 0..1.

    label: whose state and probability are meant; without it, those of any label: all that is asked of a label
    must hold of the same one. version: whose estimates; without it, the one in use. box: a part of the
    map. page: from 1.
    """

    label: str | None = None
    state: State | None = None
    least: float | None = None
    most: float | None = None
    find: Find | None = None
    alike: Alike | None = None
    annotator: str | None = None
    answer: Answer | None = None
    shown: str | None = None
    problem: str | None = None
    box: Box | None = None
    version: str | None = None
    order: Order = Order.NEXT
    page: int = 1

    @classmethod
    def read(cls, link: Mapping[str, str]) -> Search:
        """What the arguments of a link say; empty ones say nothing. Raises SearchError."""
        told = {name: value.strip() for name, value in link.items() if value.strip()}
        long = next((name for name, value in told.items() if len(value) > LONGEST), None)
        if long is not None:
            raise SearchError(f"{long} is longer than {LONGEST} characters.")
        problem = told.get("problem")
        if problem not in (None, ANY_PROBLEM):
            _one_of(Unusable, "problem", problem)
        return cls(
            label=told.get("label"),
            state=_one_of(State, "state", told.get("state")),
            find=_one_of(Find, "find", told.get("find")),
            alike=_one_of(Alike, "alike", told.get("alike")),
            annotator=told.get("annotator"),
            answer=_one_of(Answer, "answer", told.get("answer")),
            shown=told.get("shown"),
            problem=problem,
            box=_box(told.get("box")),
            version=told.get("version"),
            order=_one_of(Order, "order", told.get("order")) or Order.NEXT,
            page=_page(told.get("page", "1")),
            **_range(told.get("least"), told.get("most")),
        )

    def link(self) -> dict[str, str]:
        """The arguments of a link to this search."""
        told = {field.name: getattr(self, field.name) for field in fields(self)}
        said = {name: value for name, value in told.items() if value != getattr(Search(), name)}
        percents = {name: f"{100 * said[name]:g}" for name in ("least", "most") if name in said}
        return {name: str(value) for name, value in said.items()} | percents

    def without(self, *names: str) -> Search:
        """The same without some filters, from its first page on."""
        return replace(self, page=1, **{name: getattr(Search(), name) for name in names})

    def at(self, page: int) -> Search:
        """Another page of the same."""
        return replace(self, page=page)

    @property
    def about_labels(self) -> bool:
        """Whether it asks something of a label."""
        return any(each is not None for each in (self.state, self.least, self.most, self.find))

    @property
    def by_estimate(self) -> bool:
        """Whether its order is by what is estimated."""
        return self.order in (Order.PROBABLE, Order.IMPROBABLE, Order.UNCERTAIN)

    @property
    def estimating(self) -> bool:
        """Whether it finds other images, or finds them in another order, by what is estimated."""
        return self.by_estimate or any(each is not None for each in (self.least, self.most, self.find))


def _one_of(states: type[S], name: str, value: str | None) -> S | None:
    if value is None:
        return None
    try:
        return states(value)
    except ValueError:
        known = ", ".join(states)
        raise SearchError(f"{name}={value[:40]} is not known: it can be {known}.") from None


def _page(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:9]) <= 10**7:
        raise SearchError(f"page={value[:40]} is no page: they are counted from 1.")
    return int(value[:9])


def _box(value: str | None) -> Box | None:
    try:
        return Box.read(value) if value is not None else None
    except ValueError as error:
        raise SearchError(str(error)) from None


def _range(least: str | None, most: str | None) -> dict[str, float | None]:
    low, high = _percent("least", least), _percent("most", most)
    if low is not None and high is not None and low > high:
        raise SearchError(f"No probability is at least {least} and at most {most} %: exchange the two.")
    return {"least": low, "most": high}


def _percent(name: str, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        percent = float(value)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:  # nor is NaN
        raise SearchError(f"{name}={value[:40]} is no percentage: give a number from 0 to 100.")
    return round(percent / 100, 9)  # 99.9 is 0.999
