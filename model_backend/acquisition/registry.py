"""Every way to choose which image to ask next, by name: one line each, with its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Scores
from model_backend.acquisition.combined import combined
from model_backend.acquisition.core_set import core_set
from model_backend.acquisition.disagreement import disagreement
from model_backend.acquisition.dropout import dropout_query
from model_backend.acquisition.entropy import label_entropy
from model_backend.acquisition.gradients import expected_gradients
from model_backend.acquisition.information import information_gain
from model_backend.acquisition.margin import threshold_margin
from model_backend.acquisition.random import random_order
from model_backend.acquisition.surprise import positives_surprise
from model_backend.acquisition.typical import typical_first
from model_backend.registry import find


@dataclass(frozen=True)
class AcquisitionEntry:
    """A way to choose the next image, in the registry.

    Attributes:
        name: what `priority` and `ONETAG_ACQUISITION` take.
        description: one line.
        source: the paper, or where the idea is from.
        score: (candidates, seed) to scores (N,) in 0..1, high = ask first.
        spread: whether its order is spread over unlike images already, so that groups need not take turns.
    """

    name: str
    description: str
    source: str
    score: Callable[[Candidates, int], Scores]
    spread: bool = False


_ENTRIES = (
    AcquisitionEntry(
        "gradients",
        "Where an answer would change the model most, and each in another way",
        "BADGE: Ash et al., ICLR 2020; by the expected squared residual, each label by itself",
        expected_gradients,
        spread=True,
    ),
    AcquisitionEntry(
        "entropy",
        "Where the labels are least certain, each label by itself",
        "Lewis and Gale, SIGIR 1994; per label: Settles, survey 1648, 2009",
        label_entropy,
    ),
    AcquisitionEntry(
        "margin",
        "Where a label is nearest to the threshold from which it is suggested",
        "Margin sampling: Scheffer et al., IDA 2001; by each label's own threshold",
        threshold_margin,
    ),
    AcquisitionEntry(
        "surprise",
        "Where the model expects another number of labels than images have",
        "After the expected positives of ROLE: Cole et al., CVPR 2021",
        positives_surprise,
    ),
    AcquisitionEntry(
        "core-set",
        "What is least like the images that hold an answer",
        "k-centre greedy: Sener and Savarese, ICLR 2018",
        core_set,
        spread=True,
    ),
    AcquisitionEntry(
        "disagreement",
        "Where the classifier and the belief beside it say different things of a label",
        "Query by committee: McCallum and Nigam, ICML 1998; Jensen-Shannon divergence, each label by itself",
        disagreement,
    ),
    AcquisitionEntry(
        "dropout",
        "Where predictions change when parts of the features are left out, and of these unlike ones",
        "DropQuery: Gupte et al., TMLR 2024 (arXiv 2401.14555); each label by itself",
        dropout_query,
        spread=True,
    ),
    AcquisitionEntry(
        "information",
        "Where an answer tells most about what is predicted of all other images",
        "EPIG: Bickford Smith et al., AISTATS 2023; for linear heads: ParBaLS, arXiv 2510.09877",
        information_gain,
    ),
    AcquisitionEntry(
        "typical",
        "What is most typical of kinds that are not asked yet; it needs no model",
        "TypiClust: Hacohen et al., ICML 2022 (arXiv 2202.02794)",
        typical_first,
        spread=True,
    ),
    AcquisitionEntry(
        "combined",
        "What is typical of kinds that are not asked yet early on, what is uncertain later",
        "After the two budgets of Hacohen et al., ICML 2022; by ranks, see its file",
        combined,
        spread=True,
    ),
    AcquisitionEntry("random", "In a random order", "The baseline", random_order, spread=True),
)
ACQUISITIONS: dict[str, AcquisitionEntry] = {entry.name: entry for entry in _ENTRIES}


def find_acquisition(name: str) -> AcquisitionEntry:
    """The entry of that name, however it is capitalised. Raises LearningError with the names there are.

    >>> find_acquisition("entropy").source
    'Lewis and Gale, SIGIR 1994; per label: Settles, survey 1648, 2009'
    """
    return find(ACQUISITIONS, "acquisition", name)


def priority(name: str, candidates: Candidates, *, seed: int = 0) -> NDArray[np.float32]:
    """How much a label on each image would help: scores (N,) in 0..1 and finite, the highest to ask first.

    name: one of `ACQUISITIONS`. Raises LearningError for an unknown name.

    >>> sure = Candidates(np.array([[0.5, 0.5], [0.0, 1.0], [0.5, 1.0]], np.float32))
    >>> priority("entropy", sure).tolist()
    [1.0, 0.0, 0.5]
    """
    entry = find_acquisition(name)
    if candidates.probabilities.size == 0:
        return np.zeros(candidates.images, np.float32)
    return entry.score(candidates, seed).astype(np.float32).clip(0.0, 1.0)
