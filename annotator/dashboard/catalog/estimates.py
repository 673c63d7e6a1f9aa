"""What a version estimates of every image, in memory: two bytes a label and image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import cast, func, select
from sqlalchemy.orm import Session

from annotator.store import LabelVector, ModelVersion, Suggestion
from annotator.store.numbers import numbers, rows_of
from annotator.store.types import Id
from annotator.store.vectors import PACKED

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]

ROWS_AT_ONCE = 10_000
SCALE = 10.0**12
"""Scores lie in 0..1; as whole numbers they are read at once."""


@dataclass(frozen=True, eq=False)
class Estimates:
    """The label vectors of a version, of M images and L labels, and in which order it asks.

    image_ids: int64 (M,), ascending. chances: float16 (L, M). columns: the row of a label's id in `chances`.
    turns: int64 (M,), the lowest for the image that is asked first; one that nothing is asked of comes last.
    """

    image_ids: Ids
    chances: npt.NDArray[np.float16]
    columns: dict[int, int]
    turns: Ids

    def of_label(self, label_id: int, image_ids: Ids) -> npt.NDArray[np.float32]:
        """What is estimated of a label on these images, float32 (N,); NaN where nothing is."""
        return self.as_stored(label_id, image_ids).astype(np.float32)

    def as_stored(self, label_id: int, image_ids: Ids) -> npt.NDArray[np.float16]:
        """The same with the digits that are stored, float16 (N,): not to be changed."""
        if label_id not in self.columns or not len(self.image_ids):
            return np.full(len(image_ids), np.nan, dtype=np.float16)
        return self._placed(self.chances[self.columns[label_id]], image_ids, np.nan)

    def over(self, image_ids: Ids) -> Estimates:
        """The same with a column for each of these images, ascending, and for no other."""
        if np.array_equal(self.image_ids, image_ids):
            return replace(self, image_ids=image_ids)
        rows, there = rows_of(self.image_ids, image_ids)
        chances = np.full((len(self.chances), len(image_ids)), np.nan, dtype=np.float16)
        chances[:, there] = self.chances[:, rows[there]]
        return Estimates(image_ids, chances, self.columns, self.turns_of(image_ids))

    def of_images(self, label_ids: Sequence[int], image_ids: Ids) -> npt.NDArray[np.float32]:
        """What is estimated of these labels on a few images, float32 (n, A); NaN where nothing is."""
        found = np.full((len(image_ids), len(label_ids)), np.nan, dtype=np.float32)
        columns = np.flatnonzero([label_id in self.columns for label_id in label_ids])
        places, known = rows_of(self.image_ids, image_ids)
        there = np.array([self.columns[label_ids[column]] for column in columns], dtype=np.int64)
        found[np.ix_(known, columns)] = self.chances[np.ix_(there, places[known])].T
        return found

    def turns_of(self, image_ids: Ids) -> Ids:
        """The turns of these images (N,)."""
        return self._placed(self.turns, image_ids, np.iinfo(np.int64).max)

    def _placed(self, values: npt.NDArray, image_ids: Ids, missing: float) -> npt.NDArray:  # type: ignore[type-arg]
        if self.image_ids is image_ids or np.array_equal(self.image_ids, image_ids):
            return values
        if not len(self.image_ids):
            return np.full(len(image_ids), missing, dtype=values.dtype)
        places, there = rows_of(self.image_ids, image_ids)
        return np.where(there, values[places], missing).astype(values.dtype)


def count_vectors(session: Session, version_id: int) -> int:
    """Of how many images a version has a label vector."""
    stored = select(func.count()).select_from(LabelVector).where(LabelVector.version_id == version_id)
    return session.scalar(stored) or 0


def read_estimates(session: Session, version: ModelVersion) -> Estimates:
    """All label vectors and turns of a version, as the store has them."""
    vectors = select(LabelVector.image_id, LabelVector.probabilities).where(
        LabelVector.version_id == version.id
    )
    # Asked of the connection: a session looks at a hundred thousand rows for longer than the database does.
    rows = session.connection().execute(vectors.execution_options(yield_per=ROWS_AT_ONCE))
    ids, packed = [], []
    for piece in rows.partitions():
        images, vectors_of_piece = zip(*piece, strict=True)
        ids.append(np.array(images, dtype=np.int64))
        joined = np.frombuffer(b"".join(vectors_of_piece), dtype=PACKED)
        packed.append(joined.reshape(len(images), len(version.label_ids)).T)
    columns = {label_id: column for column, label_id in enumerate(version.label_ids)}
    if not ids:
        nothing = np.empty((len(columns), 0), dtype=np.float16)
        return Estimates(np.empty(0, dtype=np.int64), nothing, columns, np.empty(0, dtype=np.int64))
    image_ids = np.concatenate(ids)
    order = np.argsort(image_ids)
    chances = np.ascontiguousarray(np.concatenate(packed, axis=1)[:, order], dtype=np.float16)
    return Estimates(image_ids[order], chances, columns, _turns(session, version.id, image_ids[order]))


def _turns(session: Session, version_id: int, image_ids: Ids) -> Ids:
    scores = cast(Suggestion.score * SCALE, Id)
    images, asked = numbers(
        session, select(Suggestion.image_id, scores).where(Suggestion.version_id == version_id)
    )
    turns = np.full(len(image_ids), np.iinfo(np.int64).max)
    rows, known = rows_of(image_ids, images)
    turns[rows[known]] = asked[known]
    return turns
