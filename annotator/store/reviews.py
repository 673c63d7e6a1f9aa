"""What complete reviews tell where labels came later: of the labels that there were, and of no other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Select, case, func, select
from sqlalchemy.orm import Session

from annotator.store.models import Annotation, Image, Label, Observation
from annotator.store.states import Source
from annotator.store.types import UtcDateTime

if TYPE_CHECKING:
    import numpy.typing as npt

    Cells = npt.NDArray[np.bool_]


def covered_cells(
    session: Session,
    project_id: int,
    labels: Sequence[Label],
    image_ids: npt.NDArray[np.int64],
    values: npt.NDArray[np.int8],
    *,
    told: Cells,
    tied: Cells,
) -> Cells | None:
    """(N, L): the cells that complete reviews tell; None where every one of them knows all labels.

    values (N, L): the observed matrix. told (N, L): the cells that somebody left unticked who marked all
    labels. tied (N,): images with a label that is unknown because annotators disagree, which count as no
    review.
    An image is reviewed completely when all labels are known that were there when somebody marked all of
    them, or else when it was answered first.
    """
    known, reviewed = values != 0, told.any(axis=1)
    whole = known.all(axis=1)
    late = any(label.created_at is not None for label in labels) or not whole[reviewed & ~tied].all()
    if not late:
        return None
    answered, marked = _moments(session, project_id, image_ids)
    came = np.array([_came(label) for label in labels])
    covered: Cells = (came <= np.where(reviewed, marked, answered)[:, None]) | told
    complete = reviewed | ((known | ~covered).all(axis=1) & (covered.sum(axis=1) > 1))
    covered &= known & (complete & ~tied)[:, None]
    return None if (covered == whole[:, None]).all() else covered


def _came(label: Label) -> float:
    """From when it can have been seen: seconds, by Label Studio's clock."""
    if label.seen_from is not None:
        return label.seen_from.timestamp()
    return -np.inf if label.created_at is None else np.inf


def _moments(
    session: Session, project_id: int, image_ids: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """When each image was answered first, and when all its labels were marked last: seconds (N,)."""
    answered, marked = (np.full(len(image_ids), np.inf) for _ in range(2))
    for image, first, last in session.execute(_by_image(project_id)):
        row = int(np.searchsorted(image_ids, image))
        answered[row] = first.timestamp()
        marked[row] = last.timestamp() if last is not None else np.inf
    return answered, marked


def _by_image(project_id: int) -> Select[int, datetime, datetime | None]:
    at = func.coalesce(Annotation.updated_at, Observation.created_at, type_=UtcDateTime)
    marked = case((Observation.source == Source.COMPLETE, at), else_=None)
    return (
        select(Observation.image_id, func.min(at), func.max(marked, type_=UtcDateTime))
        .join(Image, Image.id == Observation.image_id)
        .outerjoin(Annotation, Annotation.id == Observation.annotation_id)
        .where(Image.project_id == project_id, Image.removed_at.is_(None), Observation.retired_at.is_(None))
        .group_by(Observation.image_id)
    )
