"""Training and validation images: drawn by a seed, each image for itself."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True)
class Split:
    """`train` is the share of images to train on, between 0 and 1; the others validate.

    An image falls by itself, by the seed and its number in the store: none changes sides when others come
    or go, when it is renamed or when it is answered.

    >>> split = Split(train=0.8, seed=0)
    >>> [split.of(image) for image in (1, 2, 3)] == [split.of(image) for image in (1, 2, 3)]
    True
    """

    train: float
    seed: int = 0

    def of(self, image_id: int) -> str:
        """The side of an image: `train` or `validation`."""
        digest = blake2b(f"{self.seed}:{image_id}".encode(), digest_size=8).digest()
        return TRAIN if int.from_bytes(digest) < self.train * 2**64 else VALIDATION
