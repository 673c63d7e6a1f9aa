"""The observed matrix: what people have said, image by label, and which images they reviewed completely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.models import Image, Label, Observation
from annotator.store.reviews import covered_cells
from annotator.store.states import Source

if TYPE_CHECKING:
    import numpy.typing as npt

CELLS_AT_ONCE = 50_000


@dataclass(frozen=True)
class ObservedMatrix:
    """What is known of the N live images and L live labels of a project.

    `values` is int8 (N, L): +1 present, -1 absent, 0 unknown. Rows follow `image_ids` (ascending), columns
    `label_ids` and `label_names` (order of the label config). `conflicts` counts the cells that are unknown
    because as many annotators said yes as no.

    `covered` is bool (N, L): the cells that a complete review of an image tells, and not a tag alone. None
    where every complete review knows all labels; else some labels came after some reviews, which still hold
    for the labels that there were.
    """

    image_ids: list[int]
    label_ids: list[int]
    label_names: list[str]
    values: npt.NDArray[np.int8]
    conflicts: int
    covered: npt.NDArray[np.bool_] | None = None


def observed_matrix(session: Session, project_id: int) -> ObservedMatrix:
    """The active observations of a project; of several annotators the majority counts, a tie is unknown.

    What an annotation says that Label Studio marks as ground truth outvotes all others.
    """
    labels = live_labels(session, project_id)
    label_ids = [label.id for label in labels]
    image_ids = np.array(live_image_ids(session, project_id), dtype=np.int64)
    cells = session.execute(cell_votes(project_id).execution_options(yield_per=CELLS_AT_ONCE))
    votes: npt.NDArray[np.int64] = np.fromiter(map(tuple, cells), dtype=np.dtype((np.int64, 4)))

    values = np.zeros((len(image_ids), len(labels)), dtype=np.int8)
    rows, columns = np.searchsorted(image_ids, votes[:, 0]), _columns(label_ids, votes[:, 1])
    values[rows, columns] = np.sign(votes[:, 2])
    told, tied = np.zeros(values.shape, dtype=np.bool_), np.zeros(len(image_ids), dtype=np.bool_)
    told[rows, columns] = votes[:, 3] > 0
    tied[rows[votes[:, 2] == 0]] = True
    return ObservedMatrix(
        image_ids=image_ids.tolist(),
        label_ids=label_ids,
        label_names=[label.name for label in labels],
        values=values,
        conflicts=int((votes[:, 2] == 0).sum()),
        covered=covered_cells(session, project_id, labels, image_ids, values, told=told, tied=tied),
    )


def live_image_ids(session: Session, project_id: int) -> list[int]:
    """The images that have not been removed, ascending."""
    live = select(Image.id).where(Image.project_id == project_id, Image.removed_at.is_(None))
    return list(session.scalars(live.order_by(Image.id)))


def cell_votes(project_id: int, first: int = 0, last: int | None = None) -> Select[int, int, int, int]:
    """(image_id, label_id, sum of the votes, 1 where part of a complete review) of each observed cell.

    Where ground truth says something of a cell, it alone votes; else annotations do. Files of labels have a
    vote only where nobody said anything: an import never overrules a person. Of live images and labels alone;
    `first` and `last` bound the image ids.
    """
    complete = func.max(case((Observation.source == Source.COMPLETE, 1), else_=0))
    true = func.sum(case((Observation.ground_truth, Observation.value)))
    by_people = func.sum(case((Observation.import_id.is_(None), Observation.value)))
    total = func.coalesce(true, by_people, func.sum(Observation.value))
    images = Observation.image_id >= first if last is None else Observation.image_id.between(first, last)
    return (
        select(Observation.image_id, Observation.label_id, total.label("total"), complete.label("complete"))
        .join(Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            images,
            Observation.retired_at.is_(None),
            Image.project_id == project_id,
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
        )
        .group_by(Observation.image_id, Observation.label_id)
    )


def _columns(label_ids: list[int], wanted: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    order = np.argsort(label_ids)
    return order[np.searchsorted(np.array(label_ids)[order], wanted)]
