"""The simulated annotator: what an honest person would answer, and how Label Studio writes it down."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Review = Literal["Suggestions checked", "All labels marked"]
CHECKED: Review = "Suggestions checked"
ALL_MARKED: Review = "All labels marked"


@dataclass(frozen=True)
class Habits:
    """How often the annotator looks further than the one label that is asked for."""

    reviews: float = 0.0
    """Share of the images with suggestions, or labels to check, where each is looked at."""
    completes: float = 0.0
    """Share of the images where every label is marked."""


@dataclass(frozen=True)
class Shown:
    """The suggestions as the page shows them: ticked labels, and the id of the region they came in.

    to_check: labels that the question is about, and that are not ticked.
    """

    labels: tuple[str, ...] = ()
    region: str = "suggested"
    to_check: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What the annotator leaves on the page: one label, the ticks below it, and perhaps a review."""

    label: str
    ticked: tuple[str, ...]
    review: Review | None = None


def answer(
    present: Sequence[str],
    suggested: Sequence[str],
    habits: Habits,
    rng: np.random.Generator,
    to_check: Sequence[str] = (),
) -> Answer | None:
    """The answer for an image that truly holds `present`; None (a skip) when it holds nothing.

    The one label is drawn evenly from what is there. Without a review the suggestions are left as they are.
    """
    if not present:
        return None
    label = present[int(rng.integers(len(present)))]
    looks, marks = rng.random(2)
    if marks < habits.completes:
        return Answer(label, tuple(present), ALL_MARKED)
    if (suggested or to_check) and looks < habits.reviews:
        return Answer(label, tuple(name for name in (*suggested, *to_check) if name in present), CHECKED)
    return Answer(label, tuple(suggested))


def regions(given: Answer, shown: Shown, kind: str, image: str = "image") -> list[dict[str, Any]]:
    """The answer as Label Studio's browser stores it; `kind` ("choices" or "taxonomy") is the label config's.

    Suggestions left as predicted keep the origin `prediction`, changed ones their region's id; when all are
    unticked their region is gone.
    """

    def value(names: Collection[str]) -> list[Any]:
        return [[name] for name in names] if kind == "taxonomy" else list(names)

    found = [_region("label", "label", kind, value([given.label]), "manual", image)]
    if given.ticked:
        untouched = set(given.ticked) == set(shown.labels)
        origin = "prediction" if untouched else "prediction-changed" if shown.labels else "manual"
        identity = shown.region if shown.labels else "suggested"
        found.append(_region("suggested", identity, kind, value(given.ticked), origin, image))
    if given.review:
        found.append(_region("review", "review", "choices", [given.review], "manual", image))
    return found


def _region(
    control: str, identity: str, kind: str, value: list[Any], origin: str, image: str
) -> dict[str, Any]:
    return {
        "id": identity,
        "from_name": control,
        "to_name": image,
        "type": kind,
        "origin": origin,
        "value": {kind: value},
    }
