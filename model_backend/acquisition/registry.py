"""Every way to choose which image to ask next, by name: one line each, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.entropy import label_entropy
from model_backend.acquisition.random import random_order
from model_backend.errors import LearningError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class AcquisitionEntry:
    """A way to ask in the registry.

    Attributes:
        name: what `priority` and `ONETAG_ACQUISITION` take.
        description: one line.
        source: paper, or a word on the idea where there is none.
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


def priority(
    name: str, probabilities: Floats, features: Floats | None = None, *, seed: int = 0
) -> NDArray[np.float32]:
    """How much an answer helps, by image: (N, L) to (N,) in 0..1, higher = ask first; always finite.

    Raises LearningError: no such acquisition.
    """
    entry = ACQUISITIONS.get(name.lower().replace("_", "-"))
    if entry is None:
        raise LearningError(
            f"There is no acquisition {name!r}.", f"Choose one of: {', '.join(ACQUISITIONS)}."
        )
    if probabilities.size == 0:
        return np.zeros(len(probabilities), np.float32)
    return entry.score(probabilities, features, seed).astype(np.float32).clip(0.0, 1.0)
