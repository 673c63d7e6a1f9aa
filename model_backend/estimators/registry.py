"""Every label estimator by name: one line each, with its source."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.estimators.base import Estimator
from model_backend.estimators.lowrank import LowRankEstimator
from model_backend.estimators.matrix import MatrixEstimator
from model_backend.estimators.neighbours import NeighboursEstimator
from model_backend.estimators.network import NetworkEstimator
from model_backend.estimators.observed import ObservedMatrix, as_tensor

COLE = "Cole et al., CVPR 2021, arXiv 2106.09708"


@dataclass(frozen=True)
class EstimatorEntry:
    """An estimator in the registry.

    Attributes:
        name: what `build_estimator` and `onetag train --estimator` take.
        description: one line.
        source: paper, or a word on the idea where there is none.
        build: makes it from (observed, features, seed=, device=, options).
        needs_features: the features of the pool are required.
        trained: False where it is frozen once built.
    """

    name: str
    description: str
    source: str
    build: Callable[..., Estimator]
    needs_features: bool = False
    trained: bool = True


_ENTRIES = (
    EstimatorEntry("matrix", "A free logit for each image and label", COLE, MatrixEstimator),
    EstimatorEntry(
        "lowrank", "U V^T + bias: a few numbers an image", f"Future work of {COLE}", LowRankEstimator
    ),
    EstimatorEntry(
        "network",
        "A small network on the cached features: no memory an image",
        f"Future work of {COLE}",
        NetworkEstimator,
        needs_features=True,
    ),
    EstimatorEntry(
        "neighbours",
        "Observed labels spread over nearest neighbours, own tag left out; frozen",
        "Label propagation, Zhou et al., NIPS 2003; new under these protocols",
        NeighboursEstimator,
        needs_features=True,
        trained=False,
    ),
)
ESTIMATORS: dict[str, EstimatorEntry] = {entry.name: entry for entry in _ENTRIES}


def find_estimator(name: str) -> EstimatorEntry:
    """The entry of that name, however it is capitalised. Raises LearningError with the names there are."""
    entry = ESTIMATORS.get(name.lower())
    if entry is None:
        raise LearningError(f"There is no estimator {name!r}.", f"Choose one of: {', '.join(ESTIMATORS)}.")
    return entry


def build_estimator(
    name: str,
    observed: ObservedMatrix | Tensor | NDArray[Any],
    features: Tensor | NDArray[Any] | None = None,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Estimator:
    """The estimator of that name on a pool.

    Args:
        name: one of `ESTIMATORS`.
        observed: (N, L) dense in {-1, 0, +1}, or an `ObservedMatrix`.
        features: (N, F), for those that read them.
        seed: of the start; the same seed gives the same estimator.
        device: where it lives; indices and features are moved there.
        options: those of the estimator.

    Raises:
        LearningError: unknown name or option, features missing, or more than memory holds.
    """
    entry = find_estimator(name)
    if entry.needs_features and features is None:
        raise LearningError(f"The estimator {name} reads features: pass the pool's features (N, F).")
    known = set(inspect.signature(entry.build).parameters) - {"observed", "features", "seed", "device"}
    strange = sorted(set(options) - known)
    if strange:
        raise LearningError(
            f"The estimator {name} has no option {', '.join(strange)}.",
            f"Its options: {', '.join(sorted(known)) or 'none'}.",
        )
    matrix = ObservedMatrix.of(observed)
    return entry.build(matrix, as_tensor(features), seed=seed, device=device, **options)
