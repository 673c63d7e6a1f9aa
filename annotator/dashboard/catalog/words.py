"""A search in words: what a form offers, and which filters are in force."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from annotator.dashboard.catalog.search import ANY_PROBLEM, Alike, Answer, Find, Order, Search, State
from annotator.dashboard.formats import percent
from annotator.unusable import Unusable

STATES: Mapping[State, str] = {
    State.PRESENT: "people say present",
    State.ABSENT: "people say absent",
    State.UNKNOWN: "not known",
    State.CONFLICT: "annotators disagree",
}
FINDS: Mapping[Find, str] = {
    Find.MISSING: "likely missing",
    Find.WRONG: "likely wrong",
    Find.DISAGREEMENT: "model sure of the opposite",
}
ALIKE: Mapping[Alike, str] = {
    Alike.SAME: "the same file more than once",
    Alike.NEAR: "near-duplicates",
}
ANSWERS: Mapping[Answer, str] = {
    Answer.OPEN: "not answered yet",
    Answer.ANSWERED: "answered",
    Answer.SKIPPED: "skipped",
}
ORDERS: Mapping[Order, str] = {
    Order.NEXT: "asked next",
    Order.PROBABLE: "most probable",
    Order.IMPROBABLE: "least probable",
    Order.UNCERTAIN: "most uncertain",
    Order.NEWEST: "newest answer",
    Order.NUMBER: "number",
}
PROBLEMS: Mapping[str, str] = {
    ANY_PROBLEM: "cannot be used",
    **{reason: f"cannot be used: {reason}" for reason in Unusable},
}


TELL: Mapping[str, Callable[[Any], str]] = {
    "label": "label {}".format,
    "state": STATES.__getitem__,
    "find": FINDS.__getitem__,
    "answer": ANSWERS.__getitem__,
    "annotator": "answered by {}".format,
    "shown": "answered with {} in sight".format,
    "alike": ALIKE.__getitem__,
    "problem": PROBLEMS.__getitem__,
    "box": lambda _: "in a part of the map",
    "version": "estimates of {}".format,
}
"""Each filter of one value in words, by its name."""


@dataclass(frozen=True)
class InForce:
    """A filter in words, and the search without it."""

    words: str
    without: Search


def in_force(search: Search) -> list[InForce]:
    """The filters of a search."""
    values = {name: getattr(search, name) for name in TELL}
    told = [
        InForce(TELL[name](value), search.without(name))
        for name, value in values.items()
        if value is not None
    ]
    if search.least is None and search.most is None:
        return told
    return [*told, InForce(f"estimated {_range(search.least, search.most)}", search.without("least", "most"))]


def _range(least: float | None, most: float | None) -> str:
    if most is None:
        return f"at {percent(least)} or more"
    return f"at {percent(most)} or less" if least is None else f"from {percent(least)} to {percent(most)}"
