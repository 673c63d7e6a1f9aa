"""From image bytes to features, through the cache; an image that cannot be read does not stop the rest."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_backend.backbones.base import Backbone
from model_backend.features.cache import FeatureCache, Floats, Size, rounded
from model_backend.images import MAX_PIXELS, DecodingRoom, ImageProblem, open_image

log = logging.getLogger(__name__)

BATCH = 32
MOST_WORKERS = 8
NOT_FINITE = "The backbone gave numbers that are not finite for this image."

Read = Callable[[], bytes]


@dataclass(frozen=True)
class Extracted:
    """The features of some images, in the order of the items.

    features (N, F) float32, zeros where there is a problem; digests: SHA-256 of the bytes, None where they
    could not be read; sizes: (width, height), None where unknown; problems: why an item has no features, by
    its index, as it was raised.
    """

    features: Floats
    digests: list[str | None]
    sizes: list[Size | None]
    problems: dict[int, Exception]


def extract(
    items: Iterable[tuple[str, Read]],
    backbone: Backbone,
    cache: FeatureCache | None = None,
    progress: Callable[[float], None] | None = None,
    *,
    workers: int | None = None,
    max_pixels: int = MAX_PIXELS,
    room: DecodingRoom | None = None,
) -> Extracted:
    """Features of (name, read) items; `read` gives the image's bytes when its turn comes.

    A batch is read and decoded by a few threads while the backbone computes the one before, and batches are
    stored in the cache one by one, so that an interrupted run goes on where it stopped. Equal bytes within a
    batch are computed once. progress: called with the share done, 0..1. room: the memory that decoding shares
    with other calls; unless given, one of its own.
    Raises LearningError only for what concerns all images: the cache's disk, the backbone.

    >>> from model_backend.backbones import load_backbone
    >>> found = extract([("empty.png", lambda: b"")], load_backbone("handcrafted"))
    >>> found.problems
    {0: ImageProblem('The file is empty (0 bytes).', '')}
    """
    wanted = list(items)
    found = Extracted(
        np.zeros((len(wanted), sum(backbone.blocks)), dtype=np.float32),
        [None] * len(wanted),
        [None] * len(wanted),
        {},
    )
    with ThreadPoolExecutor(workers or usual_workers()) as pool, ThreadPoolExecutor(1) as ahead:
        batch = _Batch(found, backbone, cache, pool, max_pixels, room or DecodingRoom())
        starts = range(0, len(wanted), BATCH)
        loads = (ahead.submit(batch.load, start, wanted[start : start + BATCH]) for start in starts)
        for start, load in zip(starts, _one_ahead(loads), strict=True):
            batch.compute(load.result())
            if progress is not None:
                progress(min(1.0, (start + BATCH) / len(wanted)))
    return found


def _one_ahead(loads: Iterator[Future[_Loaded]]) -> Iterator[Future[_Loaded]]:
    """Each load, the next one being under way already."""
    current = next(loads, None)
    while current is not None:
        current.result()
        following = next(loads, None)
        yield current
        current = following


@dataclass(frozen=True)
class _Loaded:
    """The images of a batch that are to be computed, by digest: what `prepare` made of them, and their size.

    places: the indices of the items with these bytes; names: of the items, by index.
    """

    prepared: dict[str, tuple[Any, Size]]
    places: dict[str, list[int]]
    names: dict[int, str]


@dataclass(frozen=True)
class _Batch:
    found: Extracted
    backbone: Backbone
    cache: FeatureCache | None
    pool: ThreadPoolExecutor
    max_pixels: int
    room: DecodingRoom

    def load(self, start: int, items: Sequence[tuple[str, Read]]) -> _Loaded:
        """Read the items, place those that are in the cache, and decode the others."""
        contents: dict[str, bytes] = {}
        places: dict[str, list[int]] = {}
        names = [name for name, _ in items]
        for index, found in enumerate(self.pool.map(attempt, [read for _, read in items]), start):
            if isinstance(found, Exception):
                self._note(index, names[index - start], found)
                continue
            digest = hashlib.sha256(found).hexdigest()
            self.found.digests[index] = digest
            contents[digest] = found
            places.setdefault(digest, []).append(index)
        for digest, (row, size) in self._known(list(contents)).items():
            del contents[digest]
            self._place(places[digest], row, size)
        by_index = dict(enumerate(names, start))
        return _Loaded(self._prepared(contents, places, by_index), places, by_index)

    def _known(self, digests: list[str]) -> dict[str, tuple[Floats, Size]]:
        if self.cache is None or not digests:
            return {}
        width, rows = sum(self.backbone.blocks), self.cache.rows(digests, self.backbone.fingerprint)
        return {
            digest: (row.astype(np.float32), size)
            for digest, (row, size) in rows.items()
            if len(row) == width
        }

    def _prepared(
        self, contents: dict[str, bytes], places: dict[str, list[int]], names: dict[int, str]
    ) -> dict[str, tuple[Any, Size]]:
        prepared: dict[str, tuple[Any, Size]] = {}
        tasks = [
            partial(_prepare, self.backbone, data, self.max_pixels, self.room) for data in contents.values()
        ]
        for digest, found in zip(contents, self.pool.map(attempt, tasks), strict=True):
            if isinstance(found, Exception):
                self._note_all(places[digest], names, found)
            else:
                prepared[digest] = found
        return prepared

    def compute(self, loaded: _Loaded) -> None:
        """Compute the features of what was loaded, place them and put them in the cache."""
        prepared, places = loaded.prepared, loaded.places
        if not prepared:
            return
        features = rounded(self.backbone.compute([ready for ready, _ in prepared.values()]))
        good: NDArray[np.bool_] = np.asarray(np.isfinite(features).all(axis=1))
        for (digest, (_, size)), row, fine in zip(prepared.items(), features, good, strict=True):
            if fine:
                self._place(places[digest], row, size)
            else:
                self._note_all(places[digest], loaded.names, ImageProblem(NOT_FINITE))
        if self.cache is not None:
            kept = [item for item, fine in zip(prepared.items(), good, strict=True) if fine]
            digests, sizes = [digest for digest, _ in kept], [size for _, (_, size) in kept]
            self.cache.put(digests, self.backbone.fingerprint, features[good], sizes)

    def _place(self, indices: Sequence[int], row: Floats, size: Size) -> None:
        for index in indices:
            self.found.features[index] = row
            self.found.sizes[index] = size

    def _note_all(self, indices: Sequence[int], names: dict[int, str], error: Exception) -> None:
        for index in indices:
            self._note(index, names[index], error)

    def _note(self, index: int, name: str, error: Exception) -> None:
        self.found.problems[index] = error
        log.debug("Image %s: %s", name, error or type(error).__name__)


def usual_workers() -> int:
    """Threads that read and decode."""
    return min(MOST_WORKERS, os.cpu_count() or 1)


def attempt(work: Callable[[], Any]) -> Any:
    """What the work returns, or the exception that it raises."""
    try:
        return work()
    except Exception as error:
        return error


def _prepare(backbone: Backbone, data: bytes, max_pixels: int, room: DecodingRoom) -> tuple[Any, Size]:
    with room.for_image(data):
        image = open_image(data, max_pixels)
        return backbone.prepare(image), image.size
