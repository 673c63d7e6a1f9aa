"""An export as arrays again: what to train on, and how far to believe it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.errors import OnetagError
from annotator.exchange.reading import read_export

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class SoftTargets:
    """N images with L labels each, as an export has them.

    labels: L names. images: N paths, or addresses of pictures elsewhere. targets: float32 (N, L), 0..1, and
    0 where nothing is known. weights: float32 (N, L), 0 there. human: bool (N, L), the mask of what people
    said. decisions: int8 (N, L), +1 present, -1 absent, 0 not decided. splits: N times `train`, `validation`
    or None.
    """

    labels: tuple[str, ...]
    images: tuple[str, ...]
    targets: npt.NDArray[np.float32]
    weights: npt.NDArray[np.float32]
    human: npt.NDArray[np.bool_]
    decisions: npt.NDArray[np.int8]
    splits: tuple[str | None, ...]

    def __len__(self) -> int:
        """N, the number of images."""
        return len(self.images)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """What is said or estimated, bool (N, L); the other targets mean nothing."""
        found: npt.NDArray[np.bool_] = self.weights > 0
        return found


def soft_targets(export: str | Path, *, split: str | None = None, estimated: float = 1.0) -> SoftTargets:
    """Read an export (csv, jsonl, parquet, coco, imagefolder, fiftyone, npy) into arrays.

    split: `train` or `validation` alone. estimated: the weight of an estimate, beside 1 for what a person
    said and 0 for unknown. Raises OnetagError for what is no export, naming what to do.
    """
    path = Path(export)
    if estimated <= 0:
        raise OnetagError("The weight of estimates must be above 0.", "Export with --values human instead.")
    found = read_export(path)
    rows = np.array([split is None or each == split for each in found.splits], dtype=np.bool_)
    if split is not None and not rows.any():
        there = sorted({each for each in found.splits if each is not None})
        known = ", ".join(there) or "none; export with --split 0.8"
        raise OnetagError(f"{path} has no split {split!r}.", f"It has: {known}.")
    unknown = np.isnan(found.values[rows])
    human = found.human[rows]
    weights = np.where(unknown, 0, np.where(human, 1, estimated)).astype(np.float32)
    return SoftTargets(
        labels=tuple(found.labels),
        images=tuple(image for image, taken in zip(found.images, rows, strict=True) if taken),
        targets=np.where(unknown, 0, found.values[rows]).astype(np.float32),
        weights=weights,
        human=human,
        decisions=found.decisions[rows],
        splits=tuple(each for each, taken in zip(found.splits, rows, strict=True) if taken),
    )
