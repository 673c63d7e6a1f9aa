"""Label estimators: a belief about every label of every image, for the losses that learn from one."""

from model_backend.estimators.base import Estimator
from model_backend.estimators.observed import ObservedMatrix
from model_backend.estimators.registry import ESTIMATORS, EstimatorEntry, build_estimator, find_estimator

__all__ = ["ESTIMATORS", "Estimator", "EstimatorEntry", "ObservedMatrix", "build_estimator", "find_estimator"]
