"""What an annotation says about each label: one pure function, the table of README.md.

| the annotator                              | becomes                                                      |
|--------------------------------------------|--------------------------------------------------------------|
| chooses a label                            | that label +1 `tag`                                          |
| leaves the suggestions as they were        | nothing: an untouched suggestion is not an observation       |
| changes them, or marks *Suggestions        | ticked and suggested: +1 `confirmed`; ticked, not suggested: |
| checked* or *All labels marked*            | +1 `added`; suggested, not ticked: -1 `rejected`             |
| marks *All labels marked*                  | every other label not ticked or chosen: -1 `complete`        |
| skips, or chooses nothing                  | nothing: without a label the suggestions were never visible  |
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from annotator.labelstudio.config import ALL_LABELS_MARKED, LABEL, REVIEW, SUGGESTED, SUGGESTIONS_CHECKED
from annotator.store.records import Observed
from annotator.store.states import Source

UNTOUCHED = "prediction"  # the `origin` of a region that the annotator left as it was predicted
TOUCHED = ("manual", "prediction-changed")

SECRET_ENDINGS = ("token", "password", "secret", "authorization", "basic_auth_pass", "api_key")
KEPT_AS_IS = (
    "control_weights",
    "parsed_label_config",
    "data",
    "result",
)  # keys there are names of the user's own


@dataclass(frozen=True)
class _Region:
    names: tuple[str, ...]
    origin: str | None


def observe(
    result: Any, labels: Sequence[str], suggested: Collection[str] | None, *, skipped: bool = False
) -> list[Observed]:
    """What one annotation makes known, at most one observation a label.

    `result` is Label Studio's list of regions as it came, however malformed. `labels` are the project's live
    labels. `suggested` are the labels that had been shown ticked; None when none were or it is not known.
    A region without an `origin` came through the API: it is touched when it differs from what was shown.
    """
    chosen, offered, reviews = _region(result, LABEL), _region(result, SUGGESTED), _reviews(result)
    if skipped or chosen is None:
        return []
    values = {each.label: each for each in _suggestions_seen(offered, suggested, reviews)}
    values |= {name: Observed(name, 1, Source.TAG) for name in chosen.names}
    named = {*chosen.names, *(offered.names if offered else ())}
    if ALL_LABELS_MARKED in reviews and named <= set(labels):
        # With a name that the project does not have, the annotator saw another list of labels than this one.
        values = {name: Observed(name, -1, Source.COMPLETE) for name in labels if name not in named} | values
    return [values[name] for name in labels if name in values]


def _suggestions_seen(
    region: _Region | None, suggested: Collection[str] | None, reviews: set[str]
) -> list[Observed]:
    """What is known of the suggestions; nothing when they were left as they were."""
    ticked = region.names if region else ()
    shown = _shown(region, suggested)
    if not reviews and not _touched(region, shown):
        return []
    seen = [Observed(name, 1, Source.CONFIRMED if name in shown else Source.ADDED) for name in ticked]
    return seen + [Observed(name, -1, Source.REJECTED) for name in shown if name not in ticked]


def _shown(region: _Region | None, suggested: Collection[str] | None) -> tuple[str, ...]:
    if region and region.origin == UNTOUCHED:
        return region.names  # Label Studio says so itself
    return tuple(suggested or ())


def _touched(region: _Region | None, shown: Sequence[str]) -> bool:
    if region is None:
        return bool(shown)  # all were unticked: the region is gone
    if region.origin is not None:
        return region.origin in TOUCHED
    return set(region.names) != set(shown)


def _reviews(result: Any) -> set[str]:
    region = _region(result, REVIEW)
    return set(region.names if region else ()) & {SUGGESTIONS_CHECKED, ALL_LABELS_MARKED}


def _region(result: Any, control: str) -> _Region | None:
    """The last region of a control that names something: Label Studio too keeps only the last."""
    for region in reversed(result if isinstance(result, list) else []):
        if isinstance(region, dict) and region.get("from_name") == control:
            names = _names(region.get("value"))
            if names:
                origin = region.get("origin")
                return _Region(names, origin if isinstance(origin, str) else None)
    return None


def ticked(result: Any, control: str = SUGGESTED) -> list[str]:
    """The names that a result, an annotation's or a prediction's, has on one control."""
    region = _region(result, control)
    return list(region.names) if region else []


def _names(value: Any) -> tuple[str, ...]:
    """The labels of a region: `choices` lists names, `taxonomy` lists paths of one name each."""
    if not isinstance(value, dict):
        return ()
    choices, paths = value.get("choices"), value.get("taxonomy")
    names = list(choices) if isinstance(choices, list) else []
    if isinstance(paths, list):
        names += [path[-1] if isinstance(path, list) and path else path for path in paths]
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def strip_secrets(payload: Any) -> Any:
    """A copy of what Label Studio sent without its tokens, so that it can be stored and shown."""
    if isinstance(payload, dict):
        return {
            key: item if key in KEPT_AS_IS else strip_secrets(item)
            for key, item in payload.items()
            if not _secret(key)
        }
    if isinstance(payload, list):
        return [strip_secrets(item) for item in payload]
    return payload


def _secret(key: Any) -> bool:
    return isinstance(key, str) and key.lower().endswith(SECRET_ENDINGS)
