"""The `handcrafted` backbone: four blocks from one image at 256 x 256 and 128 x 128."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from model_backend.backbones.base import Backbone, Floats
from model_backend.backbones.handcrafted.classic import Classic
from model_backend.backbones.handcrafted.local import LocalStatistics
from model_backend.backbones.handcrafted.planes import Planes

SIZE = 256
VERSION = 1  # raise it with any change of the numbers: cached features are then computed again


class Handcrafted(Backbone):
    """Gradients, colours and textures, and how they go together; no weights, no download, no GPU.

    Blocks: gradients of all colour planes with colours, in 16-pixel windows of 256; gradients of lightness
    with colours, in 12-pixel and 24-pixel windows of 128; HOG, histograms and binary patterns.
    """

    name = "handcrafted"

    def __init__(self) -> None:
        self._colour = LocalStatistics(cell=8, window=2, orientations=(8, 4, 4))
        self._fine = LocalStatistics(cell=4, window=3, orientations=(8,))
        self._coarse = LocalStatistics(cell=8, window=3, orientations=(8,))
        self._classic = Classic(SIZE // 2)
        self.blocks = (self._colour.width, self._fine.width, self._coarse.width, self._classic.width)
        self.fingerprint = f"handcrafted-{VERSION}"

    def prepare(self, image: Image.Image) -> Floats:
        """The image's features (F,): there is nothing that a batch would do faster."""
        scaled = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        full = Planes.of(np.asarray(scaled, np.float32).transpose(2, 0, 1) / np.float32(255))
        half = full.halved()
        return np.concatenate(
            [self._colour(full), self._fine(half), self._coarse(half), self._classic(full, half)]
        )

    def compute(self, prepared: Sequence[Floats]) -> Floats:
        """Features (B, F) of prepared rows."""
        return np.stack(prepared) if len(prepared) else np.zeros((0, self.feature_dim), np.float32)
