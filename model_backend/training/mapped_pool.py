"""The input of the heads: the pool's features through a map that is used again while it still fits."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.features.mapping import FeatureMap
from model_backend.training.model import LabelModel, MappedPool
from model_backend.training.pool import Floats, Pool
from model_backend.training.recipe import Recipe

REUSE_SHARE = 0.8  # of the pool that the previous map must have seen, and of its own pool that must be left
KEPT_BYTES = 64 * 2**20  # mapped features beyond this are not kept with a version


def map_pool(pool: Pool, recipe: Recipe, previous: LabelModel | None) -> tuple[FeatureMap, MappedPool]:
    """The pool's mapped features (N, D), and the map.

    The previous version's map is used again when the pool is nearly the same: then only new images are
    mapped, and the others are looked up by their digest, whatever their order.
    """
    if previous is not None and previous.pool is not None and _compatible(previous, pool, recipe):
        known = {digest: row for row, digest in enumerate(previous.pool.digests)}
        rows = np.array([known.get(digest, -1) for digest in pool.digests()])
        seen = len(set(rows[rows >= 0].tolist()))
        if seen >= REUSE_SHARE * max(pool.images, previous.pool.fitted):
            mapped = _look_up(pool.features, rows, previous.feature_map, previous.pool.mapped)
            return previous.feature_map, MappedPool(pool.digests(), mapped, previous.pool.fitted)
    feature_map = FeatureMap.fit(pool.features, pool.blocks, seed=recipe.seed, kind=recipe.map)
    mapped = transformed(feature_map, pool.features)
    return feature_map, MappedPool(pool.digests(), mapped, pool.images)


def worth_keeping(pool: MappedPool) -> MappedPool | None:
    """The mapped pool, when it is small enough to travel with a version."""
    size = pool.mapped.numel() * pool.mapped.element_size()
    return pool if size <= KEPT_BYTES else None


def transformed(feature_map: FeatureMap, features: Floats) -> Tensor:
    """Mapped features (M, D) of raw ones (M, F)."""
    return torch.from_numpy(np.ascontiguousarray(feature_map.transform(features), dtype=np.float32))


def _compatible(previous: LabelModel, pool: Pool, recipe: Recipe) -> bool:
    same_map = (previous.recipe.map, previous.recipe.seed) == (recipe.map, recipe.seed)
    return same_map and previous.blocks == tuple(pool.blocks)


def _look_up(features: Floats, rows: NDArray[np.int64], feature_map: FeatureMap, mapped: Tensor) -> Tensor:
    result = mapped[torch.from_numpy(np.maximum(rows, 0))]
    new = np.flatnonzero(rows < 0)
    if len(new):
        result[torch.from_numpy(new)] = transformed(feature_map, features[new])
    return result
