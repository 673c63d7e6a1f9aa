"""Feature extractors: one idea a file, and a registry with a line on each and its source."""

from model_backend.backbones.base import Backbone
from model_backend.backbones.registry import BACKBONES, BackboneEntry, load_backbone

__all__ = ["BACKBONES", "Backbone", "BackboneEntry", "load_backbone"]
