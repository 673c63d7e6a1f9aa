"""Every way to choose which image to ask next, by name: one line each, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.entropy import label_entropy
from model_backend.acquisition.random import random_order
from model_backend.registry import find

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class AcquisitionEntry:
    """A way to choose the next image, in the registry.

    Attributes:
        name: what `priority` and `ONETAG_ACQUISITION` take.
        description: one line.
        source: the paper, or where the idea is from.
        score: (probabilities (N, L), features (N, F) or None, seed) to scores (N,) in 0..1, high = ask first.
    """

    name: str
    description: str
    source: str
    score: Callable[[Floats, Floats | None, int], NDArray[np.float64]]


_ENTRIES = (
    AcquisitionEntry(
        "entropy",
        "Where the labels are least certain, each label by itself",
        "Lewis and Gale, SIGIR 1994; per label: Settles, survey 1648, 2009",
        label_entropy,
    ),
    AcquisitionEntry("random", "In a random order", "The baseline", random_order),
)
ACQUISITIONS: dict[str, AcquisitionEntry] = {entry.name: entry for entry in _ENTRIES}


def find_acquisition(name: str) -> AcquisitionEntry:
    """The entry of that name, however it is capitalised. Raises LearningError with the names there are.

    >>> find_acquisition("entropy").source
    'Lewis and Gale, SIGIR 1994; per label: Settles, survey 1648, 2009'
    """
    return find(ACQUISITIONS, "acquisition", name)


def priority(
    name: str, probabilities: Floats, features: Floats | None = None, *, seed: int = 0
) -> NDArray[np.float32]:
    """How much a label on each image would help: scores (N,) in 0..1 and finite, the highest to ask first.

    name: one of `ACQUISITIONS`; probabilities (N, L); features (N, F), for the ones that read them.
    Raises LearningError for an unknown name.

    >>> priority("entropy", np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 1.0]], np.float32)).tolist()
    [1.0, 0.0, 0.5]
    """
    entry = find_acquisition(name)
    if probabilities.size == 0:
        return np.zeros(len(probabilities), np.float32)
    return entry.score(probabilities, features, seed).astype(np.float32).clip(0.0, 1.0)
