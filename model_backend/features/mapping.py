"""From raw feature blocks to the input of a linear head: blocks balanced, then a kernel map where it pays.

On features of several kinds the geometry matters more than the loss: with every number standardised, the
block with the most numbers would outweigh the others. So each block is centred on the pool and scaled to the
same spread, and the input of the head is an RBF kernel's leading directions. Features of a pretrained network
are one block and stay linear.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.features.kernel import CHUNK, KernelMap

GAMMA = 2.0  # times the mean squared distance, which balancing makes 1
DIMENSIONS = 400

Kind = Literal["auto", "kernel", "linear"]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """Fitted on a pool of images, stored with a version, applied to any image.

    centre, factor (F,): x becomes (x - centre) * factor. kernel: None for a linear map.

    >>> features = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    >>> feature_map = FeatureMap.fit(features, blocks=(4, 2), seed=0, dimensions=10)
    >>> feature_map.transform(features[:3]).shape
    (3, 10)
    """

    centre: Tensor
    factor: Tensor
    kernel: KernelMap | None

    @classmethod
    def fit(
        cls,
        features: Floats,
        blocks: Sequence[int],
        *,
        seed: int,
        kind: Kind = "auto",
        dimensions: int = DIMENSIONS,
    ) -> FeatureMap:
        """The map for a pool's raw features (N, F) made of blocks of these widths.

        auto: `kernel` for several blocks, `linear` for one. Rows whose numbers are all alike (images that
        could not be read) do not count. Either way the pool's mean ||phi||^2 is 1, so that one weight decay
        fits all.
        Raises LearningError when the widths do not add up or a number is not finite.
        """
        if kind not in ("auto", "kernel", "linear"):
            raise LearningError(f"There is no feature map {kind!r}.", "Choose auto, kernel or linear.")
        _check(features, blocks)
        points = torch.tensor(_informative(features), dtype=torch.float32)
        centre, factor = _balance(points, blocks)
        use_kernel = kind == "kernel" or (kind == "auto" and len(blocks) > 1)
        if not use_kernel:
            return cls(centre, factor * 2.0**0.5, None)
        points.sub_(centre).mul_(factor)
        return cls(centre, factor, KernelMap.fit(points, gamma=GAMMA, dimensions=dimensions, seed=seed))

    @classmethod
    def identity(cls, width: int) -> FeatureMap:
        """The map that leaves features (M, width) as they are."""
        return cls(torch.zeros(width), torch.ones(width), None)

    def fold(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """The head (F, L), (L,) on raw features with the scores of this one (D, L), (L,) on mapped features.

        Raises LearningError for a kernel map, which no linear head can take in.
        """
        if self.kernel is not None:
            raise LearningError("A kernel map cannot be folded into a head.", "Choose the linear map.")
        folded = self.factor[:, None] * weight
        return folded, bias - self.centre @ folded

    @property
    def dimensions(self) -> int:
        """Width D of what `transform` gives."""
        return len(self.centre if self.kernel is None else self.kernel.offset)

    def transform(self, features: Floats) -> Floats:
        """phi (M, D) of raw features (M, F)."""
        if features.ndim != 2 or features.shape[1] != len(self.centre):
            raise LearningError(
                f"The features have shape {features.shape}, but this model was trained on {len(self.centre)} "
                "numbers an image.",
                "Train again, or go back to the backbone it was trained with.",
            )
        result = np.empty((len(features), self.dimensions), dtype=np.float32)
        for start in range(0, len(features), CHUNK):
            points = torch.tensor(features[start : start + CHUNK], dtype=torch.float32)
            points.sub_(self.centre).mul_(self.factor)
            result[start : start + CHUNK] = (points if self.kernel is None else self.kernel(points)).numpy()
        return result

    def tensors(self) -> dict[str, Tensor]:
        """All of the map, by name, for a safetensors file."""
        kept = {"centre": self.centre, "factor": self.factor}
        if self.kernel is not None:
            kept |= {
                "landmarks": self.kernel.landmarks,
                "projection": self.kernel.projection,
                "offset": self.kernel.offset,
                "gamma": torch.tensor(self.kernel.gamma, dtype=torch.float64),
            }
        return kept

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> FeatureMap:
        """The map whose `tensors()` these are, to the bit. Raises LearningError if one is missing."""
        try:
            kernel = None
            if "landmarks" in tensors:
                kernel = KernelMap(
                    tensors["landmarks"],
                    tensors["projection"],
                    tensors["offset"],
                    float(tensors["gamma"]),
                )
            return cls(tensors["centre"], tensors["factor"], kernel)
        except KeyError as missing:
            raise LearningError(
                f"The feature map lacks {missing}.", "The file is damaged: train again."
            ) from None


def _check(features: Floats, blocks: Sequence[int]) -> None:
    if features.ndim != 2 or features.shape[1] != sum(blocks):
        raise LearningError(
            f"The features have shape {features.shape}, and blocks of widths {tuple(blocks)} need "
            f"(images, {sum(blocks)}).",
            "Give the widths that the backbone reports.",
        )
    if not np.isfinite(features).all():
        raise LearningError("The features hold a number that is not finite.", "Delete the feature cache.")


def _informative(features: Floats) -> Floats:
    """The rows that are not constant; all rows where that leaves fewer than two."""
    kept = features.max(axis=1) > features.min(axis=1)
    return features[kept] if kept.sum() >= 2 else features


def _balance(points: Tensor, blocks: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Centre and factor (F,): every block that varies gets the same share of a mean squared distance of 1."""
    if not len(points):
        return torch.zeros(points.shape[1]), torch.zeros(points.shape[1])
    centre = points.mean(dim=0, dtype=torch.float64).float()
    spread = torch.zeros(points.shape[1], dtype=torch.float64)
    for chunk in torch.split(points, CHUNK):
        spread += (chunk - centre).square().sum(dim=0, dtype=torch.float64)
    widths = list(blocks)
    by_block = torch.stack([part.sum() for part in torch.split(spread / len(points), widths)])
    varies = by_block > 1e-12
    factors = torch.where(varies, (2 * varies.sum() * by_block.clamp(min=1e-12)).rsqrt(), 0.0)
    return centre, factors.repeat_interleave(torch.tensor(widths)).float()
