"""Label estimators: estimated labels of every image of a pool, for the losses that learn from them."""

from model_backend.estimators.base import Estimator
from model_backend.estimators.observations import SparseObservations
from model_backend.estimators.registry import ESTIMATORS, EstimatorEntry, build_estimator, find_estimator

__all__ = [
    "ESTIMATORS",
    "Estimator",
    "EstimatorEntry",
    "SparseObservations",
    "build_estimator",
    "find_estimator",
]
