"""torchvision's networks as backbones. The one module that imports torchvision."""

from __future__ import annotations

import logging
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights

from model_backend.backbones.base import Floats, Network
from model_backend.backbones.weights import fit_state, read_weights, state_digest
from model_backend.errors import LearningError

log = logging.getLogger(__name__)

ANSWER_WITHIN = 10.0  # seconds for the download's server to answer at all


class Headless(nn.Module):
    """A network without its last linear layer: images (B, 3, S, S), 0 to 255, to features (B, F).

    It normalises the images itself, so that they travel to the device as bytes.
    """

    def __init__(self, network: nn.Module, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        layers = {name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)}
        self.head, last = list(layers.items())[-1]
        self.feature_dim = last.in_features
        network.set_submodule(self.head, nn.Identity())
        self.network = network
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", 255 * torch.tensor(mean).reshape(-1, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std).reshape(-1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, F)."""
        normal = (images.float() - self.mean) / self.std
        features: Tensor = self.network(normal.contiguous(memory_format=torch.channels_last))
        return features.flatten(1)


class Pretrained(Network):
    """A network trained on ImageNet, frozen here; a copy of its `module` can be trained, see `Network`."""

    module: Headless

    def __init__(
        self, name: str, *, weights: Path | None, device: torch.device, autocast: torch.dtype | None = None
    ) -> None:
        preset = get_model_weights(name).DEFAULT.transforms()
        module = Headless(get_model(name, weights=None), preset.mean, preset.std)
        state = _download(name) if weights is None else read_weights(weights)
        origin = "torchvision" if weights is None else str(weights)
        fit_state(module.network, state, unused=module.head, name=name, origin=origin)
        self.name = name
        self.blocks = (module.feature_dim,)
        self.image_size = int(preset.crop_size[0])
        self.device, self.autocast = device, autocast
        self._resampling = Image.Resampling[preset.interpolation.name]
        self.module = module.to(memory_format=torch.channels_last).to(device).eval()
        self.fingerprint = "-".join(
            (
                name,
                state_digest(module.network)[:16],
                f"{self.image_size}px-{self._resampling.name.lower()}",
                str(autocast or torch.float32).removeprefix("torch."),
            )
        )

    def transform(self, image: Image.Image) -> Tensor:
        """The whole picture as uint8 (3, S, S). Squashed, not cropped: a crop could cut away a label."""
        size = (self.image_size, self.image_size)
        pixels = np.array(image.convert("RGB").resize(size, self._resampling))
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
        images = torch.stack(list(prepared)).to(self.device)
        autocast = torch.autocast(
            self.device.type, dtype=self.autocast or torch.bfloat16, enabled=self.autocast is not None
        )
        with torch.inference_mode(), autocast:
            features: Floats = self.module(images).float().cpu().numpy()
        return features


def weights_at_hand(name: str) -> bool:
    """Whether the network's weights were downloaded before."""
    return _kept(name).is_file()


def _kept(name: str) -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(get_model_weights(name).DEFAULT.url).name


def _download(name: str) -> Mapping[str, Tensor]:
    """The weights that torchvision publishes, kept where torch keeps them; their name ends in their hash."""
    url = get_model_weights(name).DEFAULT.url
    file = _kept(name)
    if file.is_file():
        return read_weights(file)
    log.info("Downloading the weights of %s from %s", name, url)
    try:
        request = urllib.request.Request(url, method="HEAD")  # noqa: S310 (the address is torchvision's)
        urllib.request.urlopen(request, timeout=ANSWER_WITHIN).close()  # noqa: S310 (the same)
        file.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(file), file.stem.rpartition("-")[2], progress=False)
    except (OSError, RuntimeError) as error:
        raise LearningError(
            f"The weights of {name} cannot be downloaded from {url} ({error}).",
            "Either give them as a file (--weights FILE), or do without (--backbone handcrafted).",
        ) from None
    return read_weights(file)
