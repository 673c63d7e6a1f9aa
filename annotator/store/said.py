"""What people say of some labels, read so quickly that a person who looks does not have to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import ColumnElement, case, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Image, Observation
from annotator.store.numbers import numbers, rows_of
from annotator.store.superseded import superseded

if TYPE_CHECKING:
    import numpy.typing as npt

FEW = 500  # images that are looked up one by one
TRUTH, PEOPLE, FILES = 0, 1, 2
"""Whose votes count: the first of these that has some."""


@dataclass(frozen=True, eq=False)
class Said:
    """What is known of N images and L labels by the rule of `annotator.store.matrix`.

    values: int8 (N, L), +1 present, -1 absent, 0 unknown. tied: bool (N, L), unknown because as many say yes
    as no.
    """

    values: npt.NDArray[np.int8]
    tied: npt.NDArray[np.bool_]


def said(session: Session, label_ids: Sequence[int], image_ids: npt.NDArray[np.int64]) -> Said:
    """What people say of these labels on these images of one project, whose ids ascend."""
    shape = len(image_ids), len(label_ids)
    if 0 in shape:
        return Said(np.zeros(shape, dtype=np.int8), np.zeros(shape, dtype=np.bool_))
    images, votes = _votes(session, label_ids, image_ids)
    ids = np.array(label_ids, dtype=np.int64)
    order = np.argsort(ids)
    rows, of_images = rows_of(image_ids, images)
    places, of_labels = rows_of(ids[order], votes // 8)
    columns, asked = order[places], of_images & of_labels
    # Label by label: whoever looks through images looks at one label of all of them.
    cells, kind, value = (columns * shape[0] + rows)[asked], votes[asked] // 2 % 4, votes[asked] % 2 * 2 - 1
    values, voted = _decided(shape[0] * shape[1], cells, kind, value)
    return Said(values.reshape(shape[::-1]).T, (voted & (values == 0)).reshape(shape[::-1]).T)


def said_of_some(session: Session, label_ids: Sequence[int], image_ids: Sequence[int]) -> Said:
    """The same of some images among many: each is looked up by itself."""
    ids = np.array(image_ids, dtype=np.int64)
    pieces = [said(session, label_ids, ids[start : start + FEW]) for start in range(0, max(1, len(ids)), FEW)]
    return Said(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("values", "tied")))


def _votes(
    session: Session, label_ids: Sequence[int], image_ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Image, and 8 label + 2 kind + (1 for present), of each live observation; some of other cells too."""
    file = case((Observation.import_id.is_(None), PEOPLE), else_=FILES)
    kind = case((Observation.ground_truth, TRUTH), else_=file)
    present = case((Observation.value > 0, 1), else_=0)
    chosen = select(Observation.image_id, Observation.label_id * 8 + kind * 2 + present)
    live = chosen.where(Observation.retired_at.is_(None))
    # One index leads from an image to its labels, another from a label to its images.
    if len(image_ids) <= FEW:
        live = live.where(Observation.image_id.in_(image_ids.tolist()))
        images: ColumnElement[bool] = Annotation.image_id.in_(image_ids.tolist())
    else:
        live = live.where(Observation.label_id.in_(label_ids))
        of_these = select(Image.project_id).where(Image.id == int(image_ids[0]))
        images = Annotation.project_id == of_these.scalar_subquery()
    older = superseded(session, images)
    found = numbers(session, live if older is None else live.where(Observation.id.not_in(older)))
    return found[0], found[1]


def _decided(
    count: int,
    cells: npt.NDArray[np.int64],
    kind: npt.NDArray[np.int64],
    value: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.bool_]]:
    """What the votes come to on each of `count` cells, int8, and whether there were any."""
    values, voted = np.zeros(count, dtype=np.int8), np.zeros(count, dtype=np.bool_)
    for counted in (TRUTH, PEOPLE, FILES):
        here = (kind == counted) & ~voted[cells]
        if here.any():
            sums = np.zeros(count, dtype=np.int16)
            np.add.at(sums, cells[here], value[here].astype(np.int16))
            values += np.sign(sums).astype(np.int8)
            voted[cells[here]] = True
    return values, voted
