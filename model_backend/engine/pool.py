"""The features of a project's images: from the cache where they are, from the images where not."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from annotator.store import Store
from model_backend.backbones import Backbone
from model_backend.engine.reading import ImageRow, extract_rows, image_rows, note_gone
from model_backend.engine.resources import LearningResources
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
class FirstImages:
    """How many images take part in a training while the rest waits: the ready, the preferred, then a draw."""

    count: int
    preferred: frozenset[int]
    seed: int

    def choose(self, rows: Sequence[ImageRow], ready: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which rows (N,) take part: those whose features are `ready` (N,), and others up to `count` in all.

        Preferred ones take part however many are ready, at most `count` of them.
        """
        drawn = np.random.default_rng(self.seed).permutation(np.flatnonzero(~ready))
        others = np.array([rows[at].id not in self.preferred for at in drawn], dtype=bool)
        chosen = ready.copy()
        more = max(self.count - int(ready.sum()), min(self.count, int((~others).sum())))
        chosen[drawn[np.argsort(others, kind="stable")][:more]] = True
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

    One that cannot be read gets its problem in the store and is not read from then on, unless `again`: what
    may pass is looked at again apart from trainings (`look_again`). A file that was written anew is read.
    Duplicates (the same bytes) share their features. first: which are computed while the others wait.
    """
    with store.reading() as session:
        rows = image_rows(session, image_ids, again=again, stamp=resources.stamp)
    note_gone(store, rows)
    mask, known = resources.known_features([row.digest or "" for row in rows], backbone)
    there = mask | np.array([row.readable for row in rows], dtype=bool)
    rows, mask = list(compress(rows, there)), mask[there]
    waiting = 0
    if first is not None:
        chosen = first.choose(rows, mask)
        waiting = int((~chosen).sum())
        rows, mask = list(compress(rows, chosen)), mask[chosen]
    missing = list(compress(rows, ~mask))
    if not missing:
        return PoolFeatures([row.id for row in rows], known, waiting)
    timed = with_time_left(len(missing), backbone.name, progress)
    found = extract_rows(store, resources, backbone, missing, timed)
    features = np.zeros((len(rows), found.features.shape[1]), dtype=np.float32)
    features[~mask] = found.features
    if len(known):
        features[mask] = known
    bad = {missing[index].id for index in found.problems}
    usable = np.array([row.id not in bad for row in rows], dtype=bool)
    return PoolFeatures([row.id for row in rows if row.id not in bad], features[usable], waiting)


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
