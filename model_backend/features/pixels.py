"""Images as the input of a network, in a temporary file that training passes over many times."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.features.extract import BATCH, Read, attempt, usual_workers
from model_backend.images import MAX_PIXELS, DecodingRoom, open_image

Transform = Callable[[Image.Image], Tensor]


@dataclass(frozen=True)
class Pixels:
    """images (M, 3, S, S) uint8 on disk; places: an item's row among them; problems: why an item has none."""

    images: NDArray[np.uint8]
    places: dict[int, int]
    problems: dict[int, str]

    def read(self, items: Tensor) -> Tensor:
        """The images (B, 3, S, S) uint8 of these items (B,)."""
        return torch.from_numpy(self.images[[self.places[item] for item in items.tolist()]])


@contextmanager
def on_disk(
    items: Mapping[int, Read],
    transform: Transform,
    folder: Path,
    progress: Callable[[float], None] | None = None,
    *,
    max_pixels: int = MAX_PIXELS,
    room: DecodingRoom | None = None,
) -> Iterator[Pixels]:
    """Read and transform the images of these items by a few threads into a file that is gone afterwards.

    The file has no name, so that even a killed process leaves nothing behind. An image that cannot be read
    becomes a problem. progress: called with the share done, 0..1. room: the memory that decoding shares with
    other calls; unless given, one of its own.
    Raises LearningError when the folder's disk is full or may not be written.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
            prepare = partial(
                _pixels, transform=transform, max_pixels=max_pixels, room=room or DecodingRoom()
            )
            pixels = _written(file, _transformed(items, prepare, progress))
        except OSError as error:
            raise LearningError(
                f"The images to train on cannot be written to {folder} "
                f"({error.strerror or type(error).__name__}).",
                "Free some space (150 KB an image) or make the folder writable, or move ONETAG_DATA_DIR.",
            ) from error
        yield pixels


def _written(file: FileIO, found: Iterator[tuple[int, NDArray[np.uint8] | Exception]]) -> Pixels:
    places: dict[int, int] = {}
    problems: dict[int, str] = {}
    shape: tuple[int, ...] = (0,)
    for item, pixels in found:
        if isinstance(pixels, Exception):
            problems[item] = str(pixels) or type(pixels).__name__
            continue
        _append(file, pixels.tobytes())
        places[item], shape = len(places), pixels.shape
    if not places:
        return Pixels(np.empty(0, np.uint8), places, problems)
    return Pixels(np.memmap(file, np.uint8, "r", shape=(len(places), *shape)), places, problems)


def _transformed(
    items: Mapping[int, Read],
    prepare: Callable[[Read], NDArray[np.uint8]],
    progress: Callable[[float], None] | None,
) -> Iterator[tuple[int, NDArray[np.uint8] | Exception]]:
    """Each item with its pixels (3, S, S), or with what was wrong; a batch at a time is in memory."""
    wanted = list(items)
    with ThreadPoolExecutor(usual_workers()) as pool:
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            tasks = [partial(prepare, items[item]) for item in batch]
            yield from zip(batch, pool.map(attempt, tasks), strict=True)
            if progress is not None:
                progress(min(1.0, (start + BATCH) / len(wanted)))


def _pixels(read: Read, *, transform: Transform, max_pixels: int, room: DecodingRoom) -> NDArray[np.uint8]:
    data = read()
    with room.for_image(data):
        pixels: NDArray[np.uint8] = transform(open_image(data, max_pixels)).numpy()
    return pixels


def _append(file: FileIO, pixels: bytes) -> None:
    left = memoryview(pixels)
    while left:
        left = left[file.write(left) :]
