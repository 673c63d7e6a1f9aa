"""Feature extractors: one idea a file, and a registry with a line on each and its source."""

from model_backend.backbones.base import Backbone, Network
from model_backend.backbones.registry import (
    BACKBONES,
    BackboneEntry,
    backbone_name,
    find_backbone,
    import_library,
    load_backbone,
)

__all__ = [
    "BACKBONES",
    "Backbone",
    "BackboneEntry",
    "Network",
    "backbone_name",
    "find_backbone",
    "import_library",
    "load_backbone",
]
