"""The map of a project: where each image lies, and which are near-duplicates, one packed row a project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from annotator.store.bulk import upsert
from annotator.store.models import Layout, ModelVersion, Project
from annotator.store.types import utc_now

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import numpy.typing as npt

IDS, PLACES, GROUPS = "<i8", "<f4", "<i4"  # as they are packed
ALONE = -1
"""The group of an image that has no near-duplicate."""


@dataclass(frozen=True, eq=False)
class Placed:
    """The N images on a map. image_ids (N,) int64, ascending; places (N, 2) float32 in -1..1: across and up.

    groups (N,) int32: images of one group are near-duplicates, of features whose cosine is at least `alike`;
    ALONE for those without. shares: of the features' variance that each axis holds, 0..1. made_of: another
    one means that images or backbone changed. computed_at: when
    it was computed, or last found to hold still; None until it is stored.
    """

    image_ids: npt.NDArray[np.int64]
    places: npt.NDArray[np.float32]
    groups: npt.NDArray[np.int32]
    shares: tuple[float, float]
    alike: float
    made_of: str
    computed_at: datetime | None = None


def store_layout(session: Session, project_id: int, placed: Placed) -> None:
    """Store where the images lie, in the place of what was stored before.

    Raises ValueError when the shapes do not agree, the ids do not ascend, or a place is not in -1..1.
    """
    count = len(placed.image_ids)
    if placed.places.shape != (count, 2) or placed.groups.shape != (count,):
        raise ValueError(
            f"{count} images, but places {placed.places.shape} and groups {placed.groups.shape}."
        )
    if not bool(np.all(np.diff(placed.image_ids) > 0)):
        raise ValueError("image_ids must ascend.")
    if not bool(np.all(np.abs(placed.places) <= 1)):  # also false for NaN
        raise ValueError("places must lie between -1 and 1.")
    row = {
        "project_id": project_id,
        "made_of": placed.made_of,
        "image_ids": placed.image_ids.astype(IDS).tobytes(),
        "places": placed.places.astype(PLACES).tobytes(),
        "groups": placed.groups.astype(GROUPS).tobytes(),
        "share_across": placed.shares[0],
        "share_up": placed.shares[1],
        "alike": placed.alike,
        "computed_at": utc_now(),
    }
    upsert(session, Layout, [row])


def load_layout(session: Session, project_id: int) -> Placed | None:
    """Where the images of a project lie; None before it is known."""
    row = session.get(Layout, project_id, populate_existing=True)
    if row is None:
        return None
    return Placed(
        np.frombuffer(row.image_ids, IDS).astype(np.int64),
        np.frombuffer(row.places, PLACES).astype(np.float32).reshape(-1, 2),
        np.frombuffer(row.groups, GROUPS).astype(np.int32),
        (row.share_across, row.share_up),
        row.alike,
        row.made_of,
        row.computed_at,
    )


def near_duplicates(session: Session, project_id: int) -> dict[int, int]:
    """The group of each image that has near-duplicates, by image id; images of one group are alike."""
    packed = select(Layout.image_ids, Layout.groups).where(Layout.project_id == project_id)
    row = session.execute(packed).first()
    if row is None:
        return {}
    image_ids, groups = np.frombuffer(row.image_ids, IDS), np.frombuffer(row.groups, GROUPS)
    grouped = groups != ALONE
    return dict(zip(image_ids[grouped].tolist(), groups[grouped].tolist(), strict=True))


def layouts_due(session: Session) -> Sequence[int]:
    """The projects, by id, whose version in use was made after their layout was last looked at."""
    used = select(Project.id).join(ModelVersion, ModelVersion.id == Project.active_version_id)
    looked_at = used.outerjoin(Layout, Layout.project_id == Project.id)
    due = Layout.computed_at.is_(None) | (Layout.computed_at < ModelVersion.created_at)
    return session.scalars(looked_at.where(due).order_by(Project.id)).all()


def confirm_layout(session: Session, project_id: int) -> None:
    """Note that the layout still holds: the images and their features are the same."""
    session.execute(update(Layout).where(Layout.project_id == project_id).values(computed_at=utc_now()))


def made_of(session: Session, project_id: int) -> str | None:
    """What the stored layout was made of; None where there is none."""
    return session.scalar(select(Layout.made_of).where(Layout.project_id == project_id))


def forget_layout(session: Session, project_id: int) -> None:
    """Forget where the images lie: it is computed again after the next training."""
    session.execute(delete(Layout).where(Layout.project_id == project_id))
