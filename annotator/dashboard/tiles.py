"""Images as a grid shows them: the picture's name, what people said of it, and what is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import basename
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import Answer, Found
from annotator.exchange.places import place_of
from annotator.store import Annotation, Image, load_vectors
from annotator.store.said import said
from annotator.store.unused import answered, done

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
    told = said(session, [label.id for label in found.labels], ids[order])
    chances = _chances(session, found, ids[order])
    met = _met(found, first, count)[order]
    made = {}
    for row, image_id in enumerate(ids[order].tolist()):
        chips = [
            Chip(
                label.name,
                int(told.values[row, column]),
                bool(told.tied[row, column]),
                None if np.isnan(chances[row, column]) else float(chances[row, column]),
                bool(chances[row, column] >= np.float16(found.thresholds.get(label.id, np.nan))),
                bool(met[row, column]),
            )
            for column, label in enumerate(found.labels)
        ]
        made[image_id] = _tile(rows[image_id], answers.get(image_id, Answer.OPEN), chips)
    return [made[image_id] for image_id in ids.tolist()]


def _tile(image: Image, answer: Answer, chips: Sequence[Chip]) -> Tile:
    """With what matters most in front: what was looked for, people's word, then what is likeliest."""
    likeliest = max((chip.chance or 0.0 for chip in chips if not chip.value), default=0.0)

    def shown(chip: Chip) -> bool:
        guessed = not chip.value and (chip.suggested or (chip.chance or 0.0) == likeliest > 0)
        return chip.met or chip.value > 0 or chip.tied or guessed

    def place(chip: Chip) -> tuple[bool, bool, bool, float]:
        return not chip.met, chip.value <= 0, not chip.tied, -(chip.chance or 0.0)

    listed = sorted(filter(shown, chips), key=place)
    absent = sum(chip.value < 0 and not chip.met for chip in chips)
    return Tile(image, answer, listed[:CHIPS], len(listed[CHIPS:]), absent)


def _chances(session: Session, found: Found, image_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """What is estimated of these images and the live labels, (n, L); NaN where nothing is."""
    chances = np.full((len(image_ids), len(found.labels)), np.nan, dtype=np.float32)
    if found.version is None:
        return chances
    if found.estimates is not None:
        for column, label in enumerate(found.labels):
            chances[:, column] = found.estimates.of_label(label.id, image_ids)
        return chances
    places = {label_id: place for place, label_id in enumerate(found.version.label_ids)}
    known, vectors = load_vectors(session, found.version.id, image_ids.tolist())
    rows = np.searchsorted(image_ids, known)
    for column, label in enumerate(found.labels):
        if label.id in places:
            chances[rows, column] = vectors[:, places[label.id]]
    return chances


def _met(found: Found, first: int, count: int) -> npt.NDArray[np.bool_]:
    """Where all that is asked of a label holds, or it was asked for by name alone: (n, L)."""
    n = len(found.image_ids[first : first + count])
    met = np.zeros((n, len(found.labels)), dtype=np.bool_)
    columns = [column for column, label in enumerate(found.labels) if label in found.asked]
    if found.met is not None:
        met[:, columns] = found.met[:, first : first + count].T
    elif len(found.asked) < len(found.labels):
        met[:, columns] = True
    return met


def _answers(session: Session, image_ids: Sequence[int]) -> dict[int, Answer]:
    """What became of these images, of those that are not open."""
    live = Annotation.image_id.in_(image_ids), Annotation.retired_at.is_(None), done()
    useful = func.count().filter(answered())
    grouped = select(Annotation.image_id, useful).where(*live).group_by(Annotation.image_id)
    return {image: Answer.ANSWERED if count else Answer.SKIPPED for image, count in session.execute(grouped)}
