"""Every label estimator by name: one line each, with its source."""

from __future__ import annotations

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
from model_backend.estimators.observations import SparseObservations, as_tensor
from model_backend.registry import check_options, find

COLE = "Cole et al., CVPR 2021, arXiv 2106.09708"


@dataclass(frozen=True)
class EstimatorEntry:
    """An estimator in the registry.

    Attributes:
        name: what `build_estimator` and `onetag train --estimator` take.
        description: one line.
        source: the paper, or where the idea is from.
        build: makes it from (observed, features, seed=, device=, **options).
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
    """The entry of that name, however it is capitalised. Raises LearningError with the names there are.

    >>> find_estimator("Network").needs_features
    True
    """
    return find(ESTIMATORS, "estimator", name)


def build_estimator(
    name: str,
    observed: SparseObservations | Tensor | NDArray[Any],
    features: Tensor | NDArray[Any] | None = None,
    *,
    seed: int = 0,
    device: torch.device | str = "cpu",
    **options: Any,
) -> Estimator:
    """The estimator of that name for a pool of N images and L labels.

    Args:
        name: one of `ESTIMATORS`.
        observed: (N, L) dense in {-1, 0, +1}, or `SparseObservations`.
        features: (N, F), for those that read them.
        seed: of the random start; the same seed gives the same estimator.
        device: where its parameters are; indices and features are moved there.
        options: those of the estimator.

    Raises LearningError for an unknown name or option, where features are missing, and where the parameters
    do not fit in memory.

    >>> observed = torch.tensor([[1, 0, 0], [0, 1, 0]])
    >>> estimator = build_estimator("lowrank", observed, rank=2)
    >>> estimator.probabilities(torch.tensor([0, 1])).shape
    torch.Size([2, 3])
    """
    entry = find_estimator(name)
    if entry.needs_features and features is None:
        raise LearningError(f"The estimator {name} reads features.", "Pass the pool's features (N, F).")
    check_options(f"estimator {name}", entry.build, options, given=("observed", "features", "seed", "device"))
    return entry.build(
        SparseObservations.of(observed), as_tensor(features), seed=seed, device=device, **options
    )
