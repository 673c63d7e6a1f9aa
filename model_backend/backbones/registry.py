"""Every backbone by name: one line each, with its source."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch

from model_backend.backbones.base import Backbone
from model_backend.backbones.handcrafted import Handcrafted
from model_backend.backbones.lite0 import LITE0, lite0_problem, lite0_weights
from model_backend.devices import bf16_is_fast, pick_device
from model_backend.errors import LearningError
from model_backend.registry import find

log = logging.getLogger(__name__)

AUTO, HANDCRAFTED = "auto", "handcrafted"
TIMM = "timm/"
MOST_PIXELS = 4096  # a side


@dataclass(frozen=True)
class Options:
    """What `load_backbone` is given besides the name."""

    weights: Path | None
    input_size: int | None
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
    """The entry of that name (`swin-t` is `swin_t`); `timm/NAME` is any network of timm's.

    Raises LearningError with the names there are.

    >>> find_backbone("Swin-T").name, find_backbone("timm/vit_tiny_patch16_224").name
    ('swin_t', 'timm/vit_tiny_patch16_224')
    """
    network = name.partition("@")[0]
    if network.lower().startswith(TIMM):
        model = network[len(TIMM) :]
        return BackboneEntry(f"{TIMM}{model}", f"timm's {model}", "see timm", partial(_of_timm, model))
    return find(BACKBONES, "backbone", network)


def load_backbone(
    name: str,
    *,
    weights: Path | None = None,
    input_size: int | None = None,
    device: str | torch.device = "cpu",
    autocast: torch.dtype | None = None,
) -> Backbone:
    """The backbone of that name, see `find_backbone`: from RGB images to features (B, F).

    auto: efficientnet_lite0, whose weights are installed with onetag; handcrafted where they are missing or
    damaged, which the log says. `NAME@320` is the network NAME on images of 320 pixels, as is input_size=320.
    weights: a safetensors file or a torch state dict, instead of the published weights.
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
    return entry.build(Options(weights, input_size or _size_in(name), chosen, autocast))


def backbone_name(name: str, input_size: int | None = None) -> str:
    """The name of the backbone that `load_backbone` would take, without loading it."""
    entry = find_backbone(name)
    network = _automatic() if entry.name == AUTO else entry.name
    size = input_size or _size_in(name)
    return network if size is None else f"{network}@{size}"


def import_library(name: str) -> None:
    """Import what a backbone of that name is made with, which takes seconds; no weights are read.

    To be done before there are threads: of two that import at once, one may meet a module that is half there.
    What is missing is no matter here: `load_backbone` says it. Raises LearningError for an unknown name.
    """
    network = find_backbone(name).name
    if network == HANDCRAFTED:
        return
    of_timm = network in (AUTO, LITE0) or network.startswith(TIMM)
    with suppress(ImportError):
        import_module(f"{__package__}.{'timm_networks' if of_timm else 'pretrained'}")


def _size_in(name: str) -> int | None:
    """The input size in a name such as `resnet50@320`."""
    _, at, size = name.partition("@")
    if not at:
        return None
    if not size.isdigit() or not 0 < int(size) <= MOST_PIXELS:
        raise LearningError(f"{name!r} names no input size.", "Write it as in resnet50@320.")
    return int(size)


def _automatic() -> str:
    return HANDCRAFTED if lite0_problem() else LITE0


def _handcrafted(options: Options) -> Backbone:
    if options.weights is not None or options.input_size is not None:
        raise LearningError(
            "The backbone handcrafted has no weights and no other input size.",
            "Leave --weights and --input-size out, or name the backbone that they are for.",
        )
    return Handcrafted()


def _pretrained(name: str, options: Options) -> Backbone:
    from model_backend.backbones.pretrained import Pretrained  # noqa: PLC0415 (torchvision takes a second)

    return Pretrained(
        name,
        weights=options.weights,
        size=options.input_size,
        device=options.device,
        autocast=options.autocast,
    )


def _of_timm(model: str, options: Options) -> Backbone:
    if find_spec("timm") is None:
        raise LearningError(f"{TIMM}{model} needs timm.", "Install it: pip install timm")
    from model_backend.backbones.timm_networks import TimmNetwork  # noqa: PLC0415 (timm takes seconds)

    return TimmNetwork(
        f"{TIMM}{model}",
        weights=options.weights,
        size=options.input_size,
        device=options.device,
        autocast=options.autocast,
    )


def _lite0(options: Options) -> Backbone:
    if options.weights is None:
        lite0_weights()
    from model_backend.backbones.timm_networks import Lite0  # noqa: PLC0415 (timm takes seconds)

    return Lite0(
        weights=options.weights,
        size=options.input_size,
        device=options.device,
        autocast=options.autocast,
    )


def _auto(options: Options) -> Backbone:
    if options.weights is not None:
        raise LearningError(
            "The backbone auto takes no weights.", "Name theirs, as in --backbone resnet50 --weights FILE."
        )
    problem = lite0_problem()
    if problem is None:
        return _lite0(options)
    log.warning("Backbone: handcrafted, which knows much less of photographs than %s. %s", LITE0, problem)
    return _handcrafted(replace(options, input_size=None))


def _network(name: str, description: str, source: str) -> BackboneEntry:
    return BackboneEntry(name, description, source, partial(_pretrained, name))


_ENTRIES = (
    BackboneEntry(AUTO, f"{LITE0}; handcrafted where its weights are missing", "", _auto),
    BackboneEntry(
        LITE0,
        "EfficientNet-Lite0, the default: its weights are installed with onetag",
        "Tan and Le, ICML 2019, arXiv 1905.11946",
        _lite0,
    ),
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
