"""What people say of all labels, in memory: once somebody answers, only the images of the answer are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from annotator.dashboard.catalog.whole_images import Pool
from annotator.store import Annotation, Import, Observation
from annotator.store.numbers import numbers, rows_of
from annotator.store.said import Said, said, said_of_some
from annotator.store.superseded import newest_word, several_words

if TYPE_CHECKING:
    from datetime import datetime

    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]

MOST = 2_000
"""Images that are read one by one; when there are more, reading all of them is quicker."""


@dataclass(frozen=True)
class Changes:
    """Other numbers than before, once somebody said something else.

    Answers that come, go or come back change the sum of their numbers; an import that ends has another time,
    and so has the one of an annotator's two answers of an image that is given again.
    """

    answers: tuple[int, int | None]
    imports: tuple[int, datetime | None]
    newest: int | None
    again: datetime | None


@dataclass(frozen=True, eq=False)
class SaidSoFar:
    """What was known of the images of a pool and of labels. answers: int64 (R,), the live ones of then, and
    of_images (R,) their images.
    """

    said: Said
    label_ids: tuple[int, ...]
    image_ids: Ids
    changes: Changes
    answers: Ids
    of_images: Ids


def changes(pool: Pool) -> Changes:
    """What tells whether anything was said since."""
    session, live = pool.session, (Annotation.project_id == pool.project_id, Annotation.retired_at.is_(None))
    answers = session.execute(select(func.count(), func.sum(Annotation.id)).where(*live)).one()
    of_project = Import.project_id == pool.project_id
    imports = session.execute(select(func.count(), func.max(Import.finished_at)).where(of_project)).one()
    newest = session.scalar(select(func.max(Observation.id)))
    again = newest_word(session, Annotation.project_id == pool.project_id)
    return Changes((answers[0], answers[1]), (imports[0], imports[1]), newest, again)


def read(pool: Pool, label_ids: Sequence[int], now: Changes) -> SaidSoFar:
    """All that people say."""
    answers, of_images = _answers(pool)
    told = said(pool.session, label_ids, pool.image_ids)
    return SaidSoFar(told, tuple(label_ids), pool.image_ids, now, answers, of_images)


def read_again(pool: Pool, label_ids: Sequence[int], now: Changes, before: SaidSoFar) -> SaidSoFar:
    """The same, of what was known before, with what was said since."""
    same = before.label_ids == tuple(label_ids) and np.array_equal(before.image_ids, pool.image_ids)
    if not same or before.changes.imports != now.imports:
        return read(pool, label_ids, now)
    answers, of_images = _answers(pool)
    touched = [
        of_images[~np.isin(answers, before.answers)],
        before.of_images[~np.isin(before.answers, answers)],
        *_touched(pool, now, before.changes),
    ]
    rows, there = rows_of(pool.image_ids, np.unique(np.concatenate(touched)))
    rows = rows[there]
    if len(rows) > MOST:
        return read(pool, label_ids, now)
    told = said_of_some(pool.session, label_ids, pool.image_ids[rows].tolist())
    values, tied = before.said.values.copy(order="K"), before.said.tied.copy(order="K")
    values[rows], tied[rows] = told.values, told.tied
    return SaidSoFar(Said(values, tied), tuple(label_ids), pool.image_ids, now, answers, of_images)


def _answers(pool: Pool) -> tuple[Ids, Ids]:
    """The live answers and their images."""
    chosen = pool.live_answers().with_only_columns(Annotation.id, Annotation.image_id)
    answers, of_images = numbers(pool.session, chosen)
    return answers, of_images


def _touched(pool: Pool, now: Changes, before: Changes) -> list[Ids]:
    """Images of which the same answers say something else."""
    fresh = select(Observation.image_id).where(Observation.id > (before.newest or 0)).distinct()
    touched = [numbers(pool.session, fresh)[0]]
    if now.again != before.again:
        touched += numbers(pool.session, several_words(Annotation.project_id == pool.project_id))
    return touched
