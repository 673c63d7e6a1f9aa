"""The features of a project's images: from the cache where they are, from the images where not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from annotator.labelstudio.images import FolderFile
from annotator.store import Image, Project, Store
from model_backend.backbones import Backbone
from model_backend.engine.resources import LearningResources
from model_backend.features import Extracted
from model_backend.progress import Progress

MANY = 200  # images whose features take long enough to say how long

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PoolFeatures:
    """The images that can be used, by id, and their features (N, F) float32.

    waiting: how many others were left for a later training.
    """

    image_ids: list[int]
    features: NDArray[np.float32]
    waiting: int = 0


@dataclass(frozen=True)
class ImageRow:
    """What is read of an image: its id, its address, and the SHA-256 of its bytes where it is known."""

    id: int
    uri: str
    digest: str | None


@dataclass(frozen=True)
class FirstImages:
    """How many images a training computes while the rest waits: the preferred ones, then a random draw."""

    count: int
    preferred: frozenset[int]
    seed: int

    def choose(self, rows: Sequence[ImageRow], ready: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows (N,) take part: those whose features are `ready` (N,), and `count` of the others."""
        drawn = np.random.default_rng(self.seed).permutation(np.flatnonzero(~ready))
        others = np.array([rows[at].id not in self.preferred for at in drawn], dtype=bool)
        chosen = ready.copy()
        chosen[drawn[np.argsort(others, kind="stable")][: self.count]] = True
        return chosen


def pool_features(
    store: Store,
    resources: LearningResources,
    backbone: Backbone,
    image_ids: Sequence[int],
    progress: Progress,
    *,
    again: bool = False,
    first: FirstImages | None = None,
) -> PoolFeatures:
    """Features of the images in the order of `image_ids`, leaving out those that cannot be read.

    An unreadable image gets a `problem` in the store and is left alone from then on, unless `again`.
    Duplicates (the same bytes) share their features. first: which are computed while the others wait.
    """
    with store.reading() as session:
        rows = image_rows(session, image_ids, again=again)
    mask, known = resources.known_features([row.digest or "" for row in rows], backbone)
    waiting = 0
    if first is not None:
        chosen = first.choose(rows, mask)
        waiting = int((~chosen).sum())
        rows, mask = list(compress(rows, chosen)), mask[chosen]
    missing = list(compress(rows, ~mask))
    if not missing:
        return PoolFeatures([row.id for row in rows], known, waiting)
    found = _extract(store, resources, backbone, missing, progress)
    features = np.zeros((len(rows), found.features.shape[1]), dtype=np.float32)
    features[~mask] = found.features
    if len(known):
        features[mask] = known
    bad = {missing[index].id for index in found.problems}
    usable = np.array([row.id not in bad for row in rows], dtype=bool)
    return PoolFeatures([row.id for row in rows if row.id not in bad], features[usable], waiting)


def image_rows(session: Session, image_ids: Sequence[int], *, again: bool) -> list[ImageRow]:
    """The rows of these images in their order; without `again`, unreadable ones are left out."""
    wanted = set(image_ids)
    chosen = (
        select(Image.id, Image.uri, Image.digest, Image.problem, Project.image_folder)
        .join(Project, Project.id == Image.project_id)
        .where(Image.id.between(min(wanted, default=0), max(wanted, default=0)))
    )
    by_id = {
        row.id: row for row in session.execute(chosen) if row.id in wanted and (again or row.problem is None)
    }
    found = (by_id[image_id] for image_id in image_ids if image_id in by_id)
    return [ImageRow(row.id, _address(row.uri, row.image_folder), row.digest) for row in found]


def _address(uri: str, folder: str | None) -> str:
    """Where an image is read: its own address, or a file of the project's folder."""
    return uri if folder is None else FolderFile(uri, Path(folder))


def _extract(
    store: Store, resources: LearningResources, backbone: Backbone, rows: list[ImageRow], progress: Progress
) -> Extracted:
    timed = with_time_left(len(rows), backbone.name, progress)
    found = resources.extract([row.uri for row in rows], backbone, timed)
    for index, problem in found.problems.items():
        log.warning("Image %d is left out: %s", rows[index].id, problem)
    _remember(store, rows, found)
    return found


def with_time_left(images: int, backbone: str, report: Progress) -> Callable[[float], None]:
    """A progress of the share of `images` whose features are there, which reports the time left for many.

    The time is known from the first batch on; the log has it then, and at every tenth.
    """
    began, tenths = time.monotonic(), -1

    def done(share: float) -> None:
        nonlocal tenths
        if images < MANY or not 0 < share < 1:
            report("features", share)
            return
        left = duration((time.monotonic() - began) * (1 - share) / share)
        report(f"features of {images:,} images, about {left} left", share)
        if int(10 * share) > tenths:
            tenths = int(10 * share)
            log.info(
                "Features of %d images with %s: %.0f %%, about %s left", images, backbone, 100 * share, left
            )

    return done


def duration(seconds: float) -> str:
    """A time in words, as precise as an estimate is.

    >>> duration(42), duration(400), duration(8000)
    ('42 s', '7 min', '2 h 13 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


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
