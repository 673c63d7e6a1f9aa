"""How an answer on the page looks in Label Studio, and how it is known again there.

On our screen it is a question to check the labels that it is about, answered: those that are there are
ticked, and *Suggestions checked* is marked. So whoever opens it there reads the same, and can change it. In a
plain list of choices only what is there can be said, and in one that asks for a single label just one.

Measured with Label Studio 1.23.2: the ids of regions stay through the API and through an edit in the browser,
also where the annotator ticks and unticks; `unique_id` is unique over all annotations there are, a second one
is refused with 409, and it is told to nobody. So both bear the key of the page annotation, as a mark.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from annotator.labelstudio.answers import reading
from annotator.labelstudio.candidates import ASIDE, NOTE, QUESTION, SUGGESTIONS_CHECKED
from annotator.labelstudio.config import LabelConfig
from annotator.labelstudio.controls import Control, Role
from annotator.labelstudio.predictions import named_region, regions
from annotator.store.states import Question

MARK = re.compile(r"page\.(?P<control>.*):(?P<key>[0-9a-f]{32})")
"""The id of a region that we told: its control, and the key of the page annotation."""


def told_result(
    config: LabelConfig, values: Mapping[str, int], key: str, annotator: str
) -> list[dict[str, Any]]:
    """The result that says which labels are there (+1) and which are not (-1); empty for one that cannot.

    It need not be read back as just that: see `telling.can_say`.
    """
    present = [name for name in config.labels if values.get(name, 0) > 0]
    if config.about is not None and config.suggested is not None and config.review is not None:
        named = [name for name in config.labels if name in values]
        made = [
            named_region(QUESTION, config.about.image, "choices", [Question.CHECK.value], ""),
            *regions(named, "", config.about),
            named_region(NOTE, config.about.image, "textarea", [f"Said on the page by {annotator}."], ""),
            *regions(present, "", config.suggested),
            named_region(config.review, config.about.image, "choices", [SUGGESTIONS_CHECKED], ""),
        ]
    elif config.control.role is Role.REGIONS or len(present) < len(values):
        return []
    else:
        made = regions(present, "", config.control)
    return [{**each, "id": f"page.{each['from_name']}:{key}", "origin": "manual"} for each in made]


def key_in(result: Any) -> str | None:
    """The key that a result is marked with; None for an answer that was made in Label Studio."""
    found = [mark["key"] for each in _regions(result) if (mark := _mark(each)) is not None]
    return found[0] if found else None


def with_key(result: Sequence[Any], key: str) -> list[Any]:
    """The result, marked with another key."""
    return [
        each if (mark := _mark(each)) is None else {**each, "id": f"page.{mark['control']}:{key}"}
        for each in result
    ]


def said_on_the_page(result: Any, config: LabelConfig) -> frozenset[str]:
    """The labels that an answer on the page named, as its result tells; not those that were added to it."""
    marked = [each for each in _regions(result) if _mark(each) is not None]
    about = _labels(marked, config.about) if config.about is not None else frozenset()
    return about or frozenset().union(*(_labels(marked, control) for control in config.holders))


def shown_beside(result: Any, config: LabelConfig) -> list[dict[str, Any]]:
    """What is as good as shown beside an answer on the page: the labels that it named, ticked."""
    asides = [each for each in _regions(result) if each.get("from_name") in ASIDE]
    about = said_on_the_page(asides, config)
    if not about or config.suggested is None:
        return []
    return [*regions([name for name in config.labels if name in about], "", config.suggested), *asides]


def _regions(result: Any) -> Iterable[dict[str, Any]]:
    return [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []


def _mark(region: Any) -> re.Match[str] | None:
    identity = region.get("id") if isinstance(region, dict) else None
    return MARK.fullmatch(identity) if isinstance(identity, str) else None


def _labels(result: Sequence[Any], control: Control) -> frozenset[str]:
    return frozenset(name for each in reading(list(result), control) for name in each.labels)
