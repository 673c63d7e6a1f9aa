"""The interface of every feature extractor: from images to rows of numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

Floats = NDArray[np.float32]


class Backbone(ABC):
    """A frozen feature extractor: RGB images to features (B, F).

    Attributes:
        name: the registry's name.
        fingerprint: changes whenever the same image would give other numbers; part of the cache's key.
        blocks: widths of the blocks that a row of features is made of; their sum is F.
    """

    name: str
    fingerprint: str
    blocks: tuple[int, ...]

    @property
    def feature_dim(self) -> int:
        """F, the number of features of an image."""
        return sum(self.blocks)

    @abstractmethod
    def prepare(self, image: Image.Image) -> Any:
        """One RGB image made ready for `compute`; small, and may run in any thread."""

    @abstractmethod
    def compute(self, prepared: Sequence[Any]) -> Floats:
        """Features (B, F) float32 of prepared images."""

    def expected(self, features: Floats, labels: Sequence[str]) -> Floats | None:  # noqa: ARG002
        """How likely each label is in each image by its name alone (N, L), of features (N, F).

        The columns of names that say nothing to this backbone are NaN. None for one that knows no names.
        """
        return None

    def __call__(self, images: Sequence[Image.Image]) -> Floats:
        """Features (B, F) float32 of RGB images."""
        return self.compute([self.prepare(image) for image in images])


class Network(Backbone):
    """A backbone with weights, which can be trained from end to end.

    Attributes:
        module: images (B, 3, S, S), 0 to 255, to features (B, F); in evaluation mode.
    """

    module: nn.Module

    @abstractmethod
    def transform(self, image: Image.Image) -> Tensor:
        """The module's input uint8 (3, S, S) from one RGB image."""

    @abstractmethod
    def weights(self, module: nn.Module) -> nn.Module:
        """The part of a (trained) copy of `module` whose tensors have the names that weights files use."""
