"""Every backbone by name: one line each, with its source."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from model_backend.backbones.base import Backbone
from model_backend.backbones.handcrafted import Handcrafted
from model_backend.devices import bf16_is_fast, pick_device
from model_backend.errors import LearningError
from model_backend.registry import find

log = logging.getLogger(__name__)

PREFERRED = "resnet50"  # what `auto` takes when its weights are at hand


@dataclass(frozen=True)
class Options:
    """A weights file in the place of a download, a device, a type for autocast: see `load_backbone`."""

    weights: Path | None
    device: torch.device
    autocast: torch.dtype | None


@dataclass(frozen=True)
class BackboneEntry:
    """A backbone in the registry.

    Attributes:
        name: what `load_backbone` and `onetag --backbone` take.
        description: one line.
        source: the papers.
        build: makes the backbone.
    """

    name: str
    description: str
    source: str
    build: Callable[[Options], Backbone]


def find_backbone(name: str) -> BackboneEntry:
    """The entry of that name (`swin-t` is `swin_t`). Raises LearningError with the names there are.

    >>> find_backbone("Swin-T").name
    'swin_t'
    """
    return find(BACKBONES, "backbone", name)


def load_backbone(
    name: str,
    *,
    weights: Path | None = None,
    device: str | torch.device = "cpu",
    autocast: torch.dtype | None = None,
) -> Backbone:
    """The backbone of that name, see `find_backbone`: from RGB images to features (B, F).

    auto: pretrained resnet50 when its weights are on this machine, else handcrafted; never a download.
    weights: a safetensors file or a torch state dict, instead of the weights that torchvision would download.
    device: `auto` is CUDA where there is one. autocast: unless given, bfloat16 on a GPU that is fast at it,
    and float32 on a processor, where a probe could come out differently in the next process.
    Raises LearningError for an unknown name, and for weights that cannot be downloaded or read, or that are
    those of another network.

    >>> from PIL import Image
    >>> backbone = load_backbone("handcrafted")
    >>> backbone([Image.new("RGB", (300, 200), "green")]).shape == (1, backbone.feature_dim)
    True
    """
    entry = find_backbone(name)
    chosen = pick_device(str(device))
    if autocast is None and chosen.type == "cuda" and bf16_is_fast(chosen):
        autocast = torch.bfloat16
    return entry.build(Options(weights, chosen, autocast))


def backbone_name(name: str) -> str:
    """The name of the backbone that `load_backbone` would take, without loading it."""
    entry = find_backbone(name)
    return _automatic() if entry.name == "auto" else entry.name


def _automatic() -> str:
    from model_backend.backbones.pretrained import weights_at_hand  # noqa: PLC0415 (torchvision takes a second)

    return PREFERRED if weights_at_hand(PREFERRED) else "handcrafted"


def _handcrafted(options: Options) -> Backbone:
    if options.weights is not None:
        raise LearningError(
            "The backbone handcrafted has no weights.",
            "Leave --weights out, or name the backbone they are for.",
        )
    return Handcrafted()


def _pretrained(name: str, options: Options) -> Backbone:
    from model_backend.backbones.pretrained import Pretrained  # noqa: PLC0415 (torchvision takes a second)

    return Pretrained(name, weights=options.weights, device=options.device, autocast=options.autocast)


def _auto(options: Options) -> Backbone:
    if options.weights is not None:
        raise LearningError(
            "The backbone auto takes no weights.", "Name theirs, as in --backbone resnet50 --weights FILE."
        )
    if _automatic() == PREFERRED:
        return _pretrained(PREFERRED, options)
    log.info(
        "Backbone: handcrafted, since no %s weights are on this machine. Pretrained features know more of "
        "everyday photographs: --backbone %s downloads them, --weights FILE takes them from a file.",
        PREFERRED,
        PREFERRED,
    )
    return _handcrafted(options)


def _network(name: str, description: str, source: str) -> BackboneEntry:
    return BackboneEntry(name, description, source, partial(_pretrained, name))


_ENTRIES = (
    BackboneEntry("auto", "resnet50 if its weights are on this machine, else handcrafted", "", _auto),
    BackboneEntry(
        "handcrafted",
        "Second moments of local gradients and colours, HOG, histograms; no download",
        "Carreira et al., ECCV 2012; Dalal and Triggs, CVPR 2005",
        _handcrafted,
    ),
    _network("resnet18", "ResNet-18: small and quick", "He et al., CVPR 2016, arXiv 1512.03385"),
    _network("resnet50", "ResNet-50: the literature's usual one", "He et al., CVPR 2016, arXiv 1512.03385"),
    _network(
        "mobilenet_v3_large", "MobileNetV3: made for small processors", "Howard et al., arXiv 1905.02244"
    ),
    _network("efficientnet_b0", "EfficientNet-B0: accurate for its size", "Tan and Le, arXiv 1905.11946"),
    _network("efficientnet_v2_s", "EfficientNetV2-S: for a GPU", "Tan and Le, arXiv 2104.00298"),
    _network("convnext_tiny", "ConvNeXt-T: a modern convolutional net", "Liu et al., arXiv 2201.03545"),
    _network("swin_t", "Swin-T: attention in shifted windows", "Liu et al., arXiv 2103.14030"),
    _network("vit_b_16", "ViT-B/16: attention over patches", "Dosovitskiy et al., arXiv 2010.11929"),
)
BACKBONES: dict[str, BackboneEntry] = {entry.name: entry for entry in _ENTRIES}
