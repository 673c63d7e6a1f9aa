"""Images as a grid shows them: the picture's name, what people said of it, and what is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import Answer, Found, thresholds_of
from annotator.dashboard.catalog.estimates import Estimates
from annotator.exchange.places import place_of
from annotator.store import Annotation, Image, load_vectors
from annotator.store.said import said
from annotator.store.unused import answered, done
from annotator.store.vectors import reaches

if TYPE_CHECKING:
    import numpy.typing as npt

CHIPS = 6
"""Labels of an image that are shown; the others are counted."""
SIDE = 320
"""Pixels of the longer side of its picture."""


@dataclass(frozen=True)
class Chip:
    """One label of an image. value: what people say, 0 for unknown; tied: unknown because they disagree.

    chance: estimated, None where nothing is. suggested: whether that reaches the threshold. met: whether all
    that is asked of a label holds of this one.
    """

    label: str
    value: int
    tied: bool
    chance: float | None
    suggested: bool
    met: bool


@dataclass(frozen=True)
class Tile:
    """One image of a grid, with the labels that are shown first; more, absent: how many others there are."""

    image: Image
    answer: Answer
    chips: Sequence[Chip]
    more: int
    absent: int

    @property
    def name(self) -> str:
        """What people call it."""
        return image_name(self.image)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at which it is shown, so that nothing moves when it comes."""
        return shown_size(self.image, SIDE)


def image_name(image: Image) -> str:
    """The name of its file, or else its number.

    >>> image_name(Image(id=7, uri="/data/local-files/?d=photos/a%20cat.jpg"))
    'a cat.jpg'
    >>> image_name(Image(id=7, uri=""))
    'image 7'
    """
    place = place_of(image.object_uri or image.uri)
    if "://" in place:
        place = place.partition("?")[0]
    return basename(place.rstrip("/")) or f"image {image.id}"


def shown_size(image: Image, side: int) -> tuple[int, int]:
    """Width and height of an image whose longer side is made `side` pixels; three to four where unknown."""
    width, height = image.width or 4, image.height or 3
    scale = side / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def tiles(session: Session, found: Found, first: int, count: int) -> list[Tile]:
    """The images of a page of what was found: so many from place `first` on."""
    ids = found.image_ids[first : first + count]
    rows = {image.id: image for image in session.scalars(select(Image).where(Image.id.in_(ids.tolist())))}
    answers = _answers(session, ids.tolist())
    order = np.argsort(ids)
    cells = _cells(session, found, ids[order], _met(found, first, count)[order])
    made = {
        image_id: Tile(rows[image_id], answers.get(image_id, Answer.OPEN), *_chips(found, cells, row))
        for row, image_id in enumerate(ids[order].tolist())
    }
    return [made[image_id] for image_id in ids.tolist()]


@dataclass(frozen=True, eq=False)
class _Cells:
    """What is known of n images and the L live labels, (n, L) each: see `Said`, `Estimates` and `Found`."""

    values: npt.NDArray[np.int8]
    tied: npt.NDArray[np.bool_]
    chances: npt.NDArray[np.float32]
    suggested: npt.NDArray[np.bool_]
    met: npt.NDArray[np.bool_]


def _cells(
    session: Session, found: Found, image_ids: npt.NDArray[np.int64], met: npt.NDArray[np.bool_]
) -> _Cells:
    told = said(session, [label.id for label in found.labels], image_ids)
    chances, thresholds = _chances(session, found, image_ids), thresholds_of(found.version)
    needed = np.array([thresholds.get(label.id, np.nan) for label in found.labels], dtype=np.float64)
    return _Cells(told.values, told.tied, chances, reaches(chances, needed), met)


def _chips(found: Found, cells: _Cells, row: int) -> tuple[list[Chip], int, int]:
    """The labels of an image that matter most, and how many others are listed and absent.

    What was looked for is in front, then people's word, then what is suggested, or else likeliest.
    """
    values, tied, met, chances = cells.values[row], cells.tied[row], cells.met[row], cells.chances[row]
    unknown = np.where(values == 0, np.nan_to_num(chances), 0)
    guessed = (unknown > 0) & (cells.suggested[row] | (unknown == unknown.max(initial=0)))
    listed = np.flatnonzero(met | (values > 0) | tied | guessed)
    place = np.lexsort((-np.nan_to_num(chances[listed]), ~tied[listed], values[listed] <= 0, ~met[listed]))
    chips = [
        Chip(
            found.labels[column].name,
            int(values[column]),
            bool(tied[column]),
            None if np.isnan(chances[column]) else float(chances[column]),
            bool(cells.suggested[row, column]),
            bool(met[column]),
        )
        for column in listed[place][:CHIPS].tolist()
    ]
    return chips, max(0, len(listed) - CHIPS), int(((values < 0) & ~met).sum())


def _chances(session: Session, found: Found, image_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """What is estimated of these images and the live labels, (n, L); NaN where nothing is."""
    label_ids = [label.id for label in found.labels]
    if found.estimates is not None:
        return found.estimates.of_images(label_ids, image_ids)
    if found.version is None:
        return np.full((len(image_ids), len(label_ids)), np.nan, dtype=np.float32)
    known, vectors = load_vectors(session, found.version.id, image_ids.tolist())
    columns = {label_id: column for column, label_id in enumerate(found.version.label_ids)}
    of_page = Estimates(
        np.array(known, np.int64), vectors.T.astype(np.float16), columns, np.empty(0, np.int64)
    )
    return of_page.of_images(label_ids, image_ids)


def _met(found: Found, first: int, count: int) -> npt.NDArray[np.bool_]:
    """Where all that is asked of a label holds, or it was asked for by name alone: (n, L)."""
    n = len(found.image_ids[first : first + count])
    met = np.zeros((n, len(found.labels)), dtype=np.bool_)
    columns = [column for column, label in enumerate(found.labels) if label in found.asked]
    asked = found.met(first, count)
    if asked is not None:
        met[:, columns] = asked.T
    elif len(found.asked) < len(found.labels):
        met[:, columns] = True
    return met


def _answers(session: Session, image_ids: Sequence[int]) -> dict[int, Answer]:
    """What became of these images, of those that are not open."""
    live = Annotation.image_id.in_(image_ids), Annotation.retired_at.is_(None), done()
    useful = func.count().filter(answered())
    grouped = select(Annotation.image_id, useful).where(*live).group_by(Annotation.image_id)
    return {image: Answer.ANSWERED if count else Answer.SKIPPED for image, count in session.execute(grouped)}
