"""Where the images of a project lie on its map, and which are near-duplicates: computed and stored."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import Image, Store
from annotator.store.layouts import (
    Placed,
    confirm_layout,
    load_layout,
    made_of,
    store_layout,
)
from annotator.store.versions import active_version
from model_backend.backbones import Backbone
from model_backend.engine.resources import LearningResources
from model_backend.features import FeatureCache
from model_backend.features.layout import ALIKE, lay_out

RULE = 1  # of the computation: another one computes all layouts anew

log = logging.getLogger(__name__)


def lay_out_project(
    store: Store, resources: LearningResources, project_id: int, rest: Callable[[], None] = lambda: None
) -> bool:
    """Compute and store the layout of a project, unless it holds still; whether it did not.

    By the published network, also of a version that was tuned: that brings images of one label together, not
    copies. Images of which the cache has no features have no place. rest: see `lay_out`. Raises LearningError
    for backbone and cache.
    """
    started = time.perf_counter()
    with store.reading() as session:
        version = active_version(session, project_id)
        rows = _usable(session, project_id)
        before = made_of(session, project_id)
    if version is None:
        return False
    pool = _pool(resources.cache, resources.backbones.published(version), rows)
    if pool.made_of == before:
        with store.session() as session:
            confirm_layout(session, project_id)
        return False
    laid = lay_out(pool.read, len(pool.image_ids), pool.blocks, seed=resources.settings.seed, rest=rest)
    kept = ~np.isin(np.arange(len(pool.image_ids)), list(pool.lost))
    placed = Placed(pool.image_ids, laid.places, laid.groups, laid.shares, ALIKE, pool.made_of)
    with store.session() as session:
        store_layout(session, project_id, _turned(_some(placed, kept), load_layout(session, project_id)))
    seconds = time.perf_counter() - started
    log.info("The map of project %d has %d images now (%.1f s).", project_id, kept.sum(), seconds)
    return True


@dataclass(frozen=True, eq=False)
class _Pool:
    """The images of a layout and where their features are. lost: rows whose features were damaged."""

    cache: FeatureCache
    fingerprint: str
    blocks: Sequence[int]
    image_ids: NDArray[np.int64]
    digests: list[str]
    lost: set[int] = field(default_factory=set)

    @property
    def made_of(self) -> str:
        """Names what the layout is made of."""
        text = "\n".join([str(RULE), self.fingerprint, *self.digests])
        return hashlib.sha256(text.encode() + self.image_ids.tobytes()).hexdigest()

    def read(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """The features (M, F) of some rows; zeros for what is lost."""
        mask, found = self.cache.get([self.digests[row] for row in rows], self.fingerprint)
        if mask.all():
            return found
        self.lost.update(rows[~mask].tolist())
        features = np.zeros((len(rows), sum(self.blocks)), np.float32)
        features[mask] = found
        return features


def _usable(session: Session, project_id: int) -> Sequence[tuple[int, str]]:
    """Ids and digests of the live images that were read, ascending."""
    live = Image.project_id == project_id, Image.removed_at.is_(None), Image.digest.is_not(None)
    chosen = select(Image.id, Image.digest).where(*live).order_by(Image.id)
    return [(image_id, digest or "") for image_id, digest in session.execute(chosen)]


def _pool(cache: FeatureCache, backbone: Backbone, rows: Sequence[tuple[int, str]]) -> _Pool:
    known = cache.known([digest for _, digest in rows], backbone.fingerprint)
    there = [row for row, is_known in zip(rows, known, strict=True) if is_known]
    image_ids = np.array([image_id for image_id, _ in there], dtype=np.int64)
    return _Pool(cache, backbone.fingerprint, backbone.blocks, image_ids, [digest for _, digest in there])


def _some(placed: Placed, kept: NDArray[np.bool_]) -> Placed:
    """The layout of some of its images."""
    return Placed(
        placed.image_ids[kept],
        placed.places[kept],
        placed.groups[kept],
        placed.shares,
        placed.alike,
        placed.made_of,
    )


def _turned(placed: Placed, before: Placed | None) -> Placed:
    """The layout with its axes in the directions that they had: which end is which is arbitrary."""
    if before is None:
        return placed
    _, now, then = np.intersect1d(placed.image_ids, before.image_ids, return_indices=True)
    together = (placed.places[now] * before.places[then]).sum(axis=0)
    placed.places[:, together < 0] *= -1
    return placed
