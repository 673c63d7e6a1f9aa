"""The observed matrix: what people have said, image by label, and which images they reviewed completely."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import Session

from annotator.store.labels import live_labels
from annotator.store.models import Annotation, Image, Label, Observation
from annotator.store.reviews import covered_cells
from annotator.store.states import Question, Source
from annotator.store.superseded import superseded

if TYPE_CHECKING:
    import numpy.typing as npt

CELLS_AT_ONCE = 10_000


@dataclass(frozen=True)
class ObservedMatrix:
    """What is known of the N live images and L live labels of a project.

    `values` is int8 (N, L): +1 present, -1 absent, 0 unknown. Rows follow `image_ids` (ascending), columns
    `label_ids` and `label_names` (order of the label config). `conflicts` counts the cells that are unknown
    because as many annotators said yes as no.

    `covered` is bool (N, L): the cells that a complete review of an image tells, and not a tag alone. None
    where every complete review knows all labels; else some labels came after some reviews, which still hold
    for the labels that there were.

    `asked` is bool (N, L): the cells known because a question named the label, as "is it there?", or a person
    on the page did; None where there are none.
    """

    image_ids: list[int]
    label_ids: list[int]
    label_names: list[str]
    values: npt.NDArray[np.int8]
    conflicts: int
    covered: npt.NDArray[np.bool_] | None = None
    asked: npt.NDArray[np.bool_] | None = None


def observed_matrix(session: Session, project_id: int, *, doubted: Collection[str] = ()) -> ObservedMatrix:
    """The active observations of a project; of several annotators the majority counts, a tie is unknown.

    Of an annotator who said several things of a cell, the newest counts.
    What an annotation says that Label Studio marks as ground truth outvotes all others. `doubted`: annotators
    whose confirmations of suggestions do not count, see `annotator.store.acceptance`.
    """
    labels = live_labels(session, project_id)
    image_ids = np.array(live_image_ids(session, project_id), dtype=np.int64)
    values = np.zeros((len(image_ids), len(labels)), dtype=np.int8)
    told, asked = np.zeros(values.shape, dtype=np.bool_), np.zeros(values.shape, dtype=np.bool_)
    tied = np.zeros(len(image_ids), dtype=np.bool_)
    conflicts = 0
    for votes in cell_votes(session, project_id, labels, image_ids, doubted=doubted):
        values[votes.rows, votes.columns] = votes.values
        told[votes.rows, votes.columns] = votes.complete
        asked[votes.rows, votes.columns] = votes.asked & (votes.values != 0)
        tied[votes.rows[votes.values == 0]] = True
        conflicts += votes.conflicts
    return ObservedMatrix(
        image_ids=image_ids.tolist(),
        label_ids=[label.id for label in labels],
        label_names=[label.name for label in labels],
        values=values,
        conflicts=conflicts,
        covered=covered_cells(session, project_id, labels, image_ids, values, told=told, tied=tied),
        asked=asked if asked.any() else None,
    )


def live_image_ids(session: Session, project_id: int) -> list[int]:
    """The images that have not been removed, ascending."""
    live = select(Image.id).where(Image.project_id == project_id, Image.removed_at.is_(None))
    return list(session.scalars(live.order_by(Image.id)))


@dataclass(frozen=True, eq=False)
class CellVotes:
    """What was said of C cells (image, label), each of them once.

    rows, columns: int64 (C,), places among the images and labels that were asked for. values: int8 (C,), +1
    or -1 as the majority says, 0 for a tie. complete: bool (C,), part of a complete review. asked: bool (C,),
    said because a question named the label, and never otherwise.
    """

    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]
    values: npt.NDArray[np.int8]
    complete: npt.NDArray[np.bool_]
    asked: npt.NDArray[np.bool_]

    @property
    def conflicts(self) -> int:
        """Cells of which as many annotators say yes as no."""
        return int((self.values == 0).sum())


def cell_votes(
    session: Session,
    project_id: int,
    labels: Sequence[Label],
    image_ids: npt.NDArray[np.int64],
    *,
    doubted: Collection[str] = (),
) -> Iterator[CellVotes]:
    """The votes on the cells of these images, in pieces; the images are ascending, and all live ones between.

    Where ground truth says something of a cell, it alone votes; else annotations do. Files of labels have a
    vote only where nobody said anything: an import never overrules a person. What a `doubted` annotator
    confirmed has none, unless it is ground truth; nor has what an annotator said before something newer.
    """
    if not len(image_ids) or not labels:
        return
    label_ids = np.array([label.id for label in labels])
    order = np.argsort(label_ids)
    between = int(image_ids[0]), int(image_ids[-1])
    counting = [_believed(doubted)] if doubted else []
    checked = session.scalars(_checked(project_id).limit(1)).first() is not None
    chosen = _cells(project_id, checked=checked).where(Observation.image_id.between(*between), *counting)
    older = superseded(session, Annotation.image_id.between(*between), *counting)
    if older is not None:
        chosen = chosen.where(Observation.id.not_in(older))
    # Asked of the connection: a session looks at a million rows for longer than the database does.
    cells = session.connection().execute(chosen.execution_options(yield_per=CELLS_AT_ONCE))
    for piece in cells.partitions():
        numbers = np.fromiter(chain.from_iterable(piece), dtype=np.int64, count=5 * len(piece)).reshape(-1, 5)
        yield CellVotes(
            rows=np.searchsorted(image_ids, numbers[:, 0]),
            columns=order[np.searchsorted(label_ids[order], numbers[:, 1])],
            values=np.sign(numbers[:, 2]).astype(np.int8),
            complete=numbers[:, 3] > 0,
            asked=numbers[:, 4] > 0,
        )


def _believed(doubted: Collection[str]) -> ColumnElement[bool]:
    """Not what a doubted annotator confirmed, unless it is ground truth."""
    lazily = Observation.annotator.in_(doubted) & (Observation.source == Source.CONFIRMED)
    return or_(~lazily, Observation.annotator.is_(None), Observation.ground_truth)


def _checked(project_id: int) -> Select[int]:
    """Answers to questions that name labels to check, where the annotator says that they were."""
    return select(Annotation.id).where(
        Annotation.project_id == project_id,
        Annotation.question == Question.CHECK,
        Annotation.review.is_not(None),
    )


def _cells(project_id: int, *, checked: bool) -> Select[int, int, int, int, int]:
    """(image, label, sum of the votes, 1 where part of a complete review, 1 where asked by name) a cell."""
    complete = func.max(case((Observation.source == Source.COMPLETE, 1), else_=0))
    by_name: ColumnElement[bool] = Observation.source.in_((Source.ANSWERED, Source.PAGE))
    if checked:
        named = Observation.source.in_((Source.CONFIRMED, Source.REJECTED))
        by_name |= named & Observation.annotation_id.in_(_checked(project_id))
    asked = func.min(case((by_name, 1), else_=0))
    true = func.sum(case((Observation.ground_truth, Observation.value)))
    by_people = func.sum(case((Observation.import_id.is_(None), Observation.value)))
    return (
        select(
            Image.id,
            Observation.label_id,
            func.coalesce(true, by_people, func.sum(Observation.value)),
            complete,
            asked,
        )
        .join_from(Observation, Image, Image.id == Observation.image_id)
        .join(Label, Label.id == Observation.label_id)
        .where(
            Observation.retired_at.is_(None),
            Image.project_id == project_id,
            Image.removed_at.is_(None),
            Label.archived_at.is_(None),
        )
        .group_by(Image.id, Observation.label_id)  # in the order of the images: nothing has to be sorted
    )
