"""The regions of a result, as a control's labels: names matched, origins and areas read, junk left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotator.labelstudio.areas import area_of
from annotator.labelstudio.candidates import QUESTION
from annotator.labelstudio.config import SUGGESTED, LabelConfig
from annotator.labelstudio.controls import PATH, Control, key_of
from annotator.store.states import Question

UNTOUCHED = "prediction"  # the `origin` of a region that the annotator left as it was predicted
CHANGED = "prediction-changed"
TOUCHED = ("manual", CHANGED)
LISTS = ("choices", "taxonomy")  # either: a long list of choices becomes a taxonomy, and its answers stay


@dataclass(frozen=True)
class Region:
    """What one region says: its labels, the names that are none, where it came from, and what it covers."""

    identity: str | None
    labels: tuple[str, ...]
    unmatched: tuple[str, ...]
    origin: str | None
    area: float | None
    value: dict[str, Any] = field(repr=False)

    def same_as(self, other: Region | None) -> bool:
        """Whether it is the other one, left as it was."""
        if other is None or self.identity is None:
            return False
        return self.identity == other.identity and self.value == other.value


def reading(result: Any, control: Control) -> list[Region]:
    """The regions of a control that name something, in their order; malformed ones are left out."""
    regions = result if isinstance(result, list) else []
    return [region for each in regions if (region := _region(each, control)) is not None]


def labels_in(result: Any, config: LabelConfig) -> set[str]:
    """Every label that a result names, also in the question that it answers."""
    controls = (*config.holders, *([config.about] if config.about is not None else []))
    return {name for control in controls for each in reading(result, control) for name in each.labels}


def ticked(result: Any, control: str = SUGGESTED) -> list[str]:
    """The names, as they are written, of the last region of a control that has some."""
    regions = [each for each in result if isinstance(each, dict)] if isinstance(result, list) else []
    found = [
        [PATH.join(path) for path in _paths(each.get("value"), LISTS)]
        for each in regions
        if each.get("from_name") == control
    ]
    return next((list(dict.fromkeys(names)) for names in reversed(found) if names), [])


def question_in(result: Sequence[Any]) -> Question | None:
    """The question that a result or a prediction carries."""
    marked = ticked(list(result), QUESTION)
    return next((each for each in Question if each in marked), None)


def _region(sent: Any, control: Control) -> Region | None:
    if not isinstance(sent, dict) or sent.get("from_name") != control.name:
        return None
    value = sent.get("value")
    labels: dict[str, None] = {}
    unmatched: dict[str, None] = {}
    for path in _paths(value, LISTS if control.kind in LISTS else (key_of(control.kind),)):
        label = control.label_of(path) or control.label_of(path[-1:])
        (labels if label else unmatched)[label or PATH.join(path)] = None
    if not isinstance(value, dict) or not (labels or unmatched):
        return None
    identity, origin = sent.get("id"), sent.get("origin")
    return Region(
        identity if isinstance(identity, str) else None,
        tuple(labels),
        tuple(unmatched),
        origin if isinstance(origin, str) else None,
        area_of(control.kind, value),
        value,
    )


def _paths(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What a value lists: a name is a path of one step."""
    for key in keys if isinstance(value, dict) else ():
        listed = value.get(key)
        for each in listed if isinstance(listed, list) else ():
            path = tuple(each) if isinstance(each, list) and key == "taxonomy" else (each,)
            if path and all(isinstance(step, str) and step for step in path):
                yield path
