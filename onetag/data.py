"""Training on an export: its images, targets, mask and weights.

    from onetag.data import ExportDataset
    dataset = ExportDataset("labels.parquet", images="photos", transform=to_tensor, split="train")

`soft_targets` gives the same as arrays, without pictures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor
from torch.utils.data import Dataset

from annotator.errors import OnetagError
from annotator.exchange.targets import SoftTargets, soft_targets
from model_backend.images import open_image

__all__ = ["Example", "ExportDataset", "SoftTargets", "soft_targets"]


_WHERE = "Give images=, the folder that the export's paths start from."


class Example(NamedTuple):
    """One image, or a batch of them as torch's DataLoader makes it, over L labels.

    image: what the transform made. targets: float32 (L,), 0..1. human: bool (L,), what a person said.
    known: bool (L,), what is said or estimated. weights: float32 (L,), 0 where nothing is known: multiply the
    loss of each label with it.
    """

    image: Any
    targets: Tensor
    human: Tensor
    known: Tensor
    weights: Tensor


def to_tensor(image: Image) -> Tensor:
    """A picture as float32 (3, height, width) in 0..1."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)


class ExportDataset(Dataset[Example]):
    """The images of an export with their targets, for torch's DataLoader.

    export: a file or folder that `onetag export` has written; not its shards, which the webdataset library
    streams. images: the folder that the paths of the export start from; exports that hold their pictures
    need none. transform: from a PIL picture to what `Example.image` shall be. split: `train` or `validation`
    alone. estimated: the weight of estimates, beside 1 for what people said. `soft` holds it all as arrays.

    Raises OnetagError for what is no export; reading an item, also for a picture that is not there.
    """

    def __init__(
        self,
        export: str | Path,
        images: str | Path | None = None,
        transform: Callable[[Image], Any] = to_tensor,
        *,
        split: str | None = None,
        estimated: float = 1.0,
    ) -> None:
        self.soft = soft_targets(export, split=split, estimated=estimated)
        self._folder = None if images is None else Path(images)
        self._transform = transform

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the L labels, in the order of the targets."""
        return self.soft.labels

    def __len__(self) -> int:
        return len(self.soft)

    def __getitem__(self, index: int) -> Example:
        file = self._file(self.soft.images[index])
        try:
            picture = open_image(file.read_bytes())
        except OSError as error:
            raise OnetagError(f"{file} cannot be read ({error.strerror}).", _WHERE) from None
        except ValueError as error:
            raise OnetagError(f"{file} is no picture: {error}.", "Take it out, and export again.") from None
        weights = torch.from_numpy(self.soft.weights[index])
        return Example(
            image=self._transform(picture),
            targets=torch.from_numpy(self.soft.targets[index]),
            human=torch.from_numpy(self.soft.human[index]),
            known=weights > 0,
            weights=weights,
        )

    def _file(self, image: str) -> Path:
        """Where the picture is; never outside of the folder that was given."""
        if self._folder is None:
            return Path(image)
        if urlsplit(image).scheme:
            raise OnetagError(f"{image[:120]} is no file.", "Download the pictures, or read them yourself.")
        file = self._folder / image
        if not file.resolve().is_relative_to(self._folder.resolve()):
            raise OnetagError(f"{image} lies outside of {self._folder}.", _WHERE)
        return file
