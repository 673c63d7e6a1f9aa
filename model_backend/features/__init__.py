"""Features of images: computed once, cached on disk, mapped for a linear head."""

from model_backend.features.cache import FeatureCache
from model_backend.features.extract import Extracted, extract
from model_backend.features.mapping import FeatureMap

__all__ = ["Extracted", "FeatureCache", "FeatureMap", "extract"]
