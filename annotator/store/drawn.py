"""Images that chance alone picks to be marked completely: what is measured on them holds for all images."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

WIDTH = 8  # bytes of the hash


def places(project_id: int, image_ids: Iterable[int]) -> npt.NDArray[np.float64]:
    """A number in 0..1 for each image (N,), by chance, and the same for ever.

    >>> places(1, [7, 8]).round(3).tolist() == places(1, [7, 8]).round(3).tolist()
    True
    """
    hashes = (blake2b(f"{project_id}/{image}".encode(), digest_size=WIDTH).digest() for image in image_ids)
    return np.array([int.from_bytes(each) / 256**WIDTH for each in hashes], dtype=np.float64)


def drawn(project_id: int, image_ids: Iterable[int], share: float) -> npt.NDArray[np.bool_]:
    """Which images (N,) are drawn at this share, 0..1; a larger share draws the same ones and others."""
    return np.asarray(places(project_id, image_ids) < share)
