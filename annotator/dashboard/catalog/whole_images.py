"""Filters of whole images: who answered them, whether they are duplicates, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog.box import Box
from annotator.dashboard.catalog.search import ANY_PROBLEM, Alike, Answer, Search
from annotator.store import Annotation, Image
from annotator.store.layouts import load_layout, near_duplicates
from annotator.store.numbers import numbers, rows_of
from annotator.store.unused import answered, done

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]
    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Pool:
    """The N live images of a project, by ascending id, int64 (N,)."""

    session: Session
    project_id: int
    image_ids: Ids

    def among(self, chosen: Select[*tuple[Any, ...]]) -> Mask:
        """Which of them a query of image ids names (N,)."""
        return np.isin(self.image_ids, numbers(self.session, chosen)[0])

    def live_answers(self, *conditions: ColumnElement[bool]) -> Select[int]:
        """Images with a live answer of which these conditions hold."""
        of_project = Annotation.project_id == self.project_id, Annotation.retired_at.is_(None)
        return select(Annotation.image_id).where(*of_project, *conditions)

    def live_images(self, *conditions: ColumnElement[bool]) -> Select[int]:
        """Live images of which these conditions hold."""
        of_project = Image.project_id == self.project_id, Image.removed_at.is_(None)
        return select(Image.id).where(*of_project, *conditions)


def live_ids(session: Session, project_id: int) -> Ids:
    """The live images of a project, by ascending id, int64 (N,)."""
    empty = Pool(session, project_id, np.empty(0, dtype=np.int64))
    return np.sort(numbers(session, empty.live_images())[0])


def image_filters(pool: Pool, search: Search) -> Iterator[Mask]:
    """What a search asks of whole images, one mask (N,) a filter."""
    if search.annotator is not None:
        yield answered_by(pool, search.annotator)
    if search.shown is not None:
        yield answered_before(pool, search.shown)
    if search.answer is not None:
        yield with_answer(pool, search.answer)
    if search.problem is not None:
        yield with_problem(pool, search.problem)
    if search.box is not None:
        yield on_the_map(pool, search.box)


def answered_by(pool: Pool, annotator: str) -> Mask:
    """Of which this annotator has an answer, or skipped it."""
    return pool.among(pool.live_answers(Annotation.annotator == annotator))


def answered_before(pool: Pool, version: str) -> Mask:
    """Which were answered with the suggestions of this version in sight."""
    return pool.among(pool.live_answers(Annotation.suggested_version == version))


def with_answer(pool: Pool, answer: Answer) -> Mask:
    """Which were answered; which were skipped and never answered; and which are left open by everybody."""
    if answer is Answer.OPEN:
        return open_images(pool)
    answers = pool.among(pool.live_answers(answered()))
    return answers if answer is Answer.ANSWERED else ~open_images(pool) & ~answers


def open_images(pool: Pool) -> Mask:
    """Which nobody has answered or skipped."""
    return ~pool.among(pool.live_answers(done()))


def with_problem(pool: Pool, problem: str) -> Mask:
    """Which cannot be used, for this reason or for any."""
    if problem == ANY_PROBLEM:
        return pool.among(pool.live_images(Image.unusable.is_not(None)))
    return pool.among(pool.live_images(Image.unusable == problem))


def on_the_map(pool: Pool, box: Box) -> Mask:
    """Which lie in a part of the map; none before there is one."""
    placed = load_layout(pool.session, pool.project_id)
    if placed is None:
        return np.zeros(len(pool.image_ids), dtype=np.bool_)
    return np.isin(pool.image_ids, placed.image_ids[box.holds(placed.places)])


def duplicate_groups(pool: Pool, alike: Alike) -> Ids:
    """Which group of duplicates each image is in (N,), -1 where it is alone."""
    groups = np.full(len(pool.image_ids), -1, dtype=np.int64)
    if alike is Alike.NEAR:
        near = near_duplicates(pool.session, pool.project_id)
        images, named = (np.array(list(each), dtype=np.int64) for each in (near.keys(), near.values()))
        rows, still_there = rows_of(pool.image_ids, images)
        groups[rows[still_there]] = named[still_there]
        return groups
    several = pool.live_images().group_by(Image.digest).having(func.count() > 1)
    first = several.with_only_columns(Image.digest, func.min(Image.id).label("first")).subquery()
    of_group = pool.live_images().join(first, first.c.digest == Image.digest)
    images, named = numbers(pool.session, of_group.with_only_columns(Image.id, first.c.first))
    groups[np.searchsorted(pool.image_ids, images)] = named
    return groups


def newest_answers(pool: Pool) -> Ids:
    """The number of each image's newest live answer (N,), 0 without one: the higher, the newer."""
    images, answers = numbers(
        pool.session, pool.live_answers().with_only_columns(Annotation.image_id, Annotation.id)
    )
    newest = np.zeros(len(pool.image_ids), dtype=np.int64)
    rows, live = rows_of(pool.image_ids, images)
    np.maximum.at(newest, rows[live], answers[live])
    return newest
