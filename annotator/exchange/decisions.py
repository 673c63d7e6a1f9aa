"""What is decided about a label: a person's word, or an estimate that is sure enough."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from annotator.store.vectors import reaches

if TYPE_CHECKING:
    import numpy.typing as npt


class Values(StrEnum):
    """What the value of a label says in an export; unknown is always left empty."""

    PROBABILITIES = "probabilities"  # a person's 0 or 1, an estimate strictly between
    HARD = "hard"  # a person's, and the estimates that are decided, all 0 or 1
    HUMAN = "human"  # a person's 0 or 1 alone


def decide(
    observed: npt.NDArray[np.int8],
    probabilities: npt.NDArray[np.float32],
    thresholds: npt.NDArray[np.float32],
) -> npt.NDArray[np.int8]:
    """+1 present, -1 absent, 0 not decided, int8 (N, L).

    A person's word (`observed`, +1 or -1) decides. Else the estimate does at the version's threshold (L,):
    present where the probability (N, L) reaches it, absent where the chance of absence does and that of
    presence does not. Where the label has not earned its threshold (above 1), or has none or no estimate
    (NaN), nothing is decided.

    >>> unknown = np.zeros((1, 4), dtype=np.int8)
    >>> chances = np.array([[0.9, 0.5, 0.1, 0.1]], dtype=np.float32)
    >>> decide(unknown, chances, np.array([0.8, 0.8, 0.8, 1.01], dtype=np.float32)).tolist()
    [[1, 0, -1, 0]]
    """
    return np.where(observed != 0, observed, decide_estimates(probabilities, thresholds)).astype(np.int8)


def decide_estimates(
    probabilities: npt.NDArray[np.float32], thresholds: npt.NDArray[np.float32] | np.float32
) -> npt.NDArray[np.int8]:
    """The same by the estimates alone: of (N, L) with thresholds (L,), or of one label (N,) with its own."""
    present = reaches(probabilities, thresholds)
    absent = reaches(1 - probabilities, thresholds) & ~present
    decided: npt.NDArray[np.int8] = present.astype(np.int8) - absent.astype(np.int8)
    return decided


def chosen_values(
    values: Values,
    observed: npt.NDArray[np.int8],
    probabilities: npt.NDArray[np.float32],
    decisions: npt.NDArray[np.int8],
) -> npt.NDArray[np.float32]:
    """The values (N, L) of an export, float32: 0..1, and NaN for what is unknown under this choice."""
    if values is Values.PROBABILITIES:
        return probabilities
    said = decisions if values is Values.HARD else observed
    return np.where(said == 0, np.nan, said > 0).astype(np.float32)
