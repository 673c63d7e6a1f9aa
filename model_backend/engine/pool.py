"""The features of a project's images: from the cache where they are, from the images where not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotator.store import Image, Store
from model_backend.backbones import Backbone
from model_backend.engine.resources import LearningResources
from model_backend.features import Extracted
from model_backend.progress import Progress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolFeatures:
    """The images that can be used, by id, and their features (N, F) float32."""

    image_ids: list[int]
    features: NDArray[np.float32]


@dataclass(frozen=True)
class ImageRow:
    """What is read of an image: its id, its address, and the SHA-256 of its bytes where it is known."""

    id: int
    uri: str
    digest: str | None


def pool_features(
    store: Store,
    resources: LearningResources,
    backbone: Backbone,
    image_ids: Sequence[int],
    progress: Progress,
    *,
    again: bool = False,
) -> PoolFeatures:
    """Features of the images in the order of `image_ids`, leaving out those that cannot be read.

    An unreadable image gets a `problem` in the store and is left alone from then on, unless `again`.
    Duplicates (the same bytes) share their features.
    """
    with store.reading() as session:
        rows = image_rows(session, image_ids, again=again)
    mask, known = resources.known_features([row.digest or "" for row in rows], backbone)
    missing = [row for row, there in zip(rows, mask, strict=True) if not there]
    if not missing:
        return PoolFeatures([row.id for row in rows], known)
    found = _extract(store, resources, backbone, missing, progress)
    features = np.zeros((len(rows), found.features.shape[1]), dtype=np.float32)
    features[~mask] = found.features
    if len(known):
        features[mask] = known
    bad = {missing[index].id for index in found.problems}
    usable = np.array([row.id not in bad for row in rows], dtype=bool)
    return PoolFeatures([row.id for row in rows if row.id not in bad], features[usable])


def image_rows(session: Session, image_ids: Sequence[int], *, again: bool) -> list[ImageRow]:
    """The rows of these images in their order; without `again`, unreadable ones are left out."""
    wanted = set(image_ids)
    chosen = select(Image.id, Image.uri, Image.digest, Image.problem).where(
        Image.id.between(min(wanted, default=0), max(wanted, default=0))
    )
    by_id = {
        row.id: row for row in session.execute(chosen) if row.id in wanted and (again or row.problem is None)
    }
    found = (by_id[image_id] for image_id in image_ids if image_id in by_id)
    return [ImageRow(row.id, row.uri, row.digest) for row in found]


def _extract(
    store: Store, resources: LearningResources, backbone: Backbone, rows: list[ImageRow], progress: Progress
) -> Extracted:
    found = resources.extract([row.uri for row in rows], backbone, lambda done: progress("features", done))
    for index, problem in found.problems.items():
        log.warning("Image %d is left out: %s", rows[index].id, problem)
    _remember(store, rows, found)
    return found


def _remember(store: Store, rows: list[ImageRow], found: Extracted) -> None:
    facts = []
    for index, row in enumerate(rows):
        width, height = found.sizes[index] or (None, None)
        facts.append(
            {
                "id": row.id,
                "digest": found.digests[index],
                "width": width,
                "height": height,
                "problem": found.problems.get(index),
            }
        )
    with store.session() as session:
        session.execute(update(Image), facts)
