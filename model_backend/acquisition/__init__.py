"""Which image to label next, and groups of alike images to take turns over."""

from model_backend.acquisition.candidates import Candidates
from model_backend.acquisition.clusters import clusters
from model_backend.acquisition.registry import ACQUISITIONS, AcquisitionEntry, find_acquisition, priority
from model_backend.acquisition.typical import cold_start

__all__ = [
    "ACQUISITIONS",
    "AcquisitionEntry",
    "Candidates",
    "clusters",
    "cold_start",
    "find_acquisition",
    "priority",
]
