"""Which image to ask next, and groups to take turns over."""

from model_backend.acquisition.clusters import clusters
from model_backend.acquisition.registry import ACQUISITIONS, AcquisitionEntry, priority

__all__ = ["ACQUISITIONS", "AcquisitionEntry", "clusters", "priority"]
