"""What the images of a map are coloured by. People's words and estimates never share a colour."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select

from annotator.dashboard.catalog import Alike, Answer, thresholds_of
from annotator.dashboard.catalog.whole_images import duplicate_groups, open_images, with_answer
from annotator.dashboard.charts.svg import category_class
from annotator.store import Suggestion
from annotator.store.numbers import numbers, rows_of
from annotator.store.vectors import reaches

if TYPE_CHECKING:
    import numpy.typing as npt

    from annotator.dashboard.catalog import Catalog
    from annotator.dashboard.catalog.estimates import Estimates
    from annotator.dashboard.catalog.whole_images import Pool
    from annotator.store import Label, ModelVersion

    Classes = npt.NDArray[np.int64]

BANDS = {
    "estimated below 20 %": "r0",
    "20 to 40 %": "r1",
    "40 to 60 %": "r2",
    "60 to 80 %": "r3",
    "80 % or more": "r4",
}
"""Of a probability, with their CSS classes."""
NOT_ESTIMATED = -1


class Colour(StrEnum):
    """By what images are coloured."""

    SUGGESTED = "suggested"
    STATE = "state"
    CHANCE = "chance"
    ANSWER = "answer"
    ALIKE = "alike"
    CLUSTER = "cluster"


OF_A_LABEL = (Colour.STATE, Colour.CHANCE)
ESTIMATED = (Colour.SUGGESTED, Colour.CHANCE)
WORDS: Mapping[Colour, str] = {
    Colour.SUGGESTED: "what is suggested",
    Colour.STATE: "what people say of a label",
    Colour.CHANCE: "how probable a label is",
    Colour.ANSWER: "what was answered",
    Colour.ALIKE: "near-duplicates",
    Colour.CLUSTER: "groups that take turns",
}


@dataclass(frozen=True, eq=False)
class Coloured:
    """classes (N,): which of `names` each image has, -1 for none; the names with their CSS classes."""

    classes: Classes
    names: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is known of the N images of a pool, and of which labels that is asked: one, or all live ones."""

    catalog: Catalog
    pool: Pool
    labels: Sequence[Label]
    version: ModelVersion | None
    estimates: Estimates | None


def coloured(subject: Subject, colour: Colour) -> Coloured:
    """The images by what was chosen; state and chance are those of the first label."""
    return _BY[colour](subject)


def _by_state(subject: Subject) -> Coloured:
    told = subject.catalog.said_of(subject.pool, [subject.labels[0].id])
    values, tied = told.values[:, 0], told.tied[:, 0]
    names = {
        "not known": "none",
        "they disagree": "c5",
        "people say absent": "c1 square",
        "people say present": "people",
    }
    return Coloured(np.select([values > 0, values < 0, tied], [3, 2, 1], 0), names)


def _by_chance(subject: Subject) -> Coloured:
    chances = _chances(subject, subject.labels[0])
    bands = np.minimum(np.nan_to_num(5 * chances).astype(np.int64), len(BANDS) - 1)
    return Coloured(np.where(np.isnan(chances), NOT_ESTIMATED, bands), BANDS)


def _by_suggestion(subject: Subject) -> Coloured:
    """Whether a label that people have not told reaches its threshold."""
    told = subject.catalog.said_of(subject.pool, [label.id for label in subject.labels])
    thresholds = thresholds_of(subject.version)
    suggested = np.zeros(len(subject.pool.image_ids), dtype=np.bool_)
    for column, label in enumerate(subject.labels):
        reached = reaches(_chances(subject, label), thresholds.get(label.id, np.nan))
        suggested |= reached & (told.values[:, column] == 0)
    return Coloured(suggested.astype(np.int64), {"nothing suggested": "none", "suggested": "estimated"})


def _by_answer(subject: Subject) -> Coloured:
    answers = with_answer(subject.pool, Answer.ANSWERED)
    skipped = ~answers & ~open_images(subject.pool)
    names = {"not answered": "none", "skipped": "c1 square", "answered": "people"}
    return Coloured(np.select([answers, skipped], [2, 1], 0), names)


def _by_alike(subject: Subject) -> Coloured:
    groups = duplicate_groups(subject.pool, Alike.NEAR)
    return Coloured((groups >= 0).astype(np.int64), {"alone": "none", "has near-duplicates": "c1 square"})


def _by_cluster(subject: Subject) -> Coloured:
    ids, classes = subject.pool.image_ids, np.full(len(subject.pool.image_ids), -1, dtype=np.int64)
    if subject.version is None or not len(ids):
        return Coloured(classes, {})
    of_version = Suggestion.version_id == subject.version.id
    chosen = select(Suggestion.image_id, Suggestion.cluster).where(of_version)
    images, clusters = numbers(subject.pool.session, chosen)
    rows, there = rows_of(ids, images)
    found, places = np.unique(clusters[there], return_inverse=True)
    classes[rows[there]] = places
    names = {f"group {number + 1}": category_class(place) for place, number in enumerate(found.tolist())}
    return Coloured(classes, names)


def _chances(subject: Subject, label: Label) -> npt.NDArray[np.float32]:
    """What is estimated of a label (N,), NaN where nothing is."""
    ids = subject.pool.image_ids
    if subject.estimates is None:
        return np.full(len(ids), np.nan, dtype=np.float32)
    return subject.estimates.of_label(label.id, ids)


_BY: Mapping[Colour, Callable[[Subject], Coloured]] = {
    Colour.SUGGESTED: _by_suggestion,
    Colour.STATE: _by_state,
    Colour.CHANCE: _by_chance,
    Colour.ANSWER: _by_answer,
    Colour.ALIKE: _by_alike,
    Colour.CLUSTER: _by_cluster,
}
