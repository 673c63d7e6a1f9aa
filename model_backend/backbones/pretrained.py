"""torchvision's networks as backbones. The one module that imports torchvision."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image
from torch import nn
from torchvision.models import get_model, get_model_weights

from model_backend.backbones.download import download
from model_backend.backbones.network import FrozenNetwork, Normalised
from model_backend.backbones.weights import fit_state, read_weights
from model_backend.errors import LearningError


class Pretrained(FrozenNetwork):
    """A network of torchvision's, trained on ImageNet, without its last layer."""

    def __init__(
        self,
        name: str,
        *,
        weights: Path | None,
        size: int | None = None,
        device: torch.device,
        autocast: torch.dtype | None = None,
    ) -> None:
        published = get_model_weights(name).DEFAULT
        preset = published.transforms()
        own_size = int(preset.crop_size[0])
        if size not in (None, own_size) and name.startswith("vit"):
            raise LearningError(
                f"{name} takes images of {own_size} pixels, not of {size}.", "Leave --input-size out."
            )
        network = get_model(name, weights=None)
        layers = {place: module for place, module in network.named_modules() if isinstance(module, nn.Linear)}
        head, last = list(layers.items())[-1]
        network.set_submodule(head, nn.Identity())
        kept = Path(torch.hub.get_dir()) / "checkpoints" / Path(published.url).name
        file = weights or download(published.url, kept, name=name, hash_start=kept.stem.rpartition("-")[2])
        origin = "torchvision" if weights is None else str(weights)
        fit_state(network, read_weights(file), unused=head, name=name, origin=origin)
        super().__init__(
            name if size is None else f"{name}@{size}",
            Normalised(network, [255 * each for each in preset.mean], [255 * each for each in preset.std]),
            blocks=(last.in_features,),
            size=size or own_size,
            resampling=Image.Resampling[preset.interpolation.name],
            device=device,
            autocast=autocast,
        )
