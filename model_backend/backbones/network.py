"""What all networks share: whole pictures in, squashed to a square, and features out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from model_backend.backbones.base import Floats, Network
from model_backend.backbones.weights import state_digest

AT_ONCE_ON_CPU = 4  # images: what they become stays in the processor's cache; 32 take twice as long each


class Normalised(nn.Module):
    """A network on images (B, 3, S, S), 0 to 255, that it normalises itself: they travel as bytes.

    mean, std (3,): of the numbers 0 to 255. Gives what the network does, flattened to (B, F).
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, F)."""
        normal = (images.float() - self.mean) / self.std
        features: Tensor = self.network(normal.contiguous(memory_format=torch.channels_last))
        return features.flatten(1)


class FrozenNetwork(Network):
    """A trained network, frozen here; a copy of its `module` can be trained, see `Network`.

    size: the side S of its square input. blocks: see `Backbone`. mirrored: whether features are the mean of
    those of the picture and of its mirror image, for more time; the module itself sees one picture.
    """

    module: Normalised

    def __init__(
        self,
        name: str,
        module: Normalised,
        *,
        blocks: Sequence[int],
        size: int,
        resampling: Image.Resampling,
        device: torch.device,
        autocast: torch.dtype | None = None,
        mirrored: bool = False,
    ) -> None:
        self.name = name
        self.blocks = tuple(blocks)
        self.image_size = size
        self.device, self.autocast = device, autocast
        self._resampling, self._mirrored = resampling, mirrored
        self.module = module.to(memory_format=torch.channels_last).to(device).eval()
        self.fingerprint = "-".join(
            (
                name,
                state_digest(self.weights(self.module))[:16],
                f"{size}px-{resampling.name.lower()}",
                str(autocast or torch.float32).removeprefix("torch."),
                *(("mirrored",) if mirrored else ()),
            )
        )

    def transform(self, image: Image.Image) -> Tensor:
        """The whole picture as uint8 (3, S, S). Squashed, not cropped: a crop could cut away a label."""
        pixels = np.array(image.convert("RGB").resize((self.image_size, self.image_size), self._resampling))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def weights(self, module: nn.Module) -> nn.Module:
        """The network inside, without its head."""
        return module.get_submodule("network")

    def prepare(self, image: Image.Image) -> Tensor:
        """See `transform`."""
        return self.transform(image)

    def compute(self, prepared: Sequence[Tensor]) -> Floats:
        """Features (B, F) float32 of transformed images."""
        if not len(prepared):
            return np.zeros((0, self.feature_dim), np.float32)
        size = AT_ONCE_ON_CPU if self.device.type == "cpu" else len(prepared)
        parts = [prepared[start : start + size] for start in range(0, len(prepared), size)]
        autocast = torch.autocast(
            self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        )
        with torch.inference_mode(), autocast:
            found = [self._seen(torch.stack(list(part)).to(self.device)).float().cpu() for part in parts]
        features: Floats = torch.cat(found).numpy()
        return features

    def _seen(self, images: Tensor) -> Tensor:
        """Features (B, F) of images (B, 3, S, S), see `mirrored`."""
        features: Tensor = self.module(images)
        return (features + self.module(images.flip(3))) / 2 if self._mirrored else features
