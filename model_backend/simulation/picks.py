"""Which of the labels that are present a simulated annotator tags, by chance or with a bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.registry import find
from model_backend.simulation.mistakes import Columns, Truth, taken_for
from model_backend.training.pool import Observations

MISTAKES_SEED = 1  # beside the seed of the tags: the same tags are drawn, then some are mistaken
Weights = NDArray[np.float64]


@dataclass(frozen=True)
class Bias:
    """A way of choosing: `weights(truth, random, areas)` gives preferences (N, L); areas may be None."""

    name: str
    description: str
    weights: Callable[[Truth, np.random.Generator, Weights | None], Weights]


def uniform(truth: Truth, _random: np.random.Generator, _areas: Weights | None) -> Weights:
    """Every label that is present is as likely."""
    return np.ones(truth.shape)


def frequency(truth: Truth, _random: np.random.Generator, _areas: Weights | None) -> Weights:
    """In proportion to how often the label is present: what is common comes to mind first."""
    present = truth > 0
    return np.tile(present.mean(axis=0), (len(truth), 1))


def size(truth: Truth, _random: np.random.Generator, areas: Weights | None) -> Weights:
    """In proportion to the area that the label covers. Raises LearningError where areas are not given."""
    if areas is None or areas.shape != truth.shape:
        raise LearningError(
            f"The size bias needs the labels' areas as a matrix of shape {truth.shape}.", "Pass areas=."
        )
    return areas


def annotator(truth: Truth, random: np.random.Generator, _areas: Weights | None, people: int = 5) -> Weights:
    """By the taste of one of several people: each prefers some labels up to twenty times to others."""
    tastes: Weights = np.exp(random.normal(size=(people, truth.shape[1])) * np.log(20) / 2)
    return np.asarray(tastes[random.integers(people, size=len(truth))])


BIASES: dict[str, Bias] = {
    choice.name: choice
    for choice in (
        Bias("uniform", "any label that is present, by chance", uniform),
        Bias("frequency", "common labels first", frequency),
        Bias("size", "what covers most of the image", size),
        Bias("annotator", "the taste of one of five people", annotator),
    )
}


def find_bias(name: str) -> Bias:
    """The bias of that name. Raises LearningError with the names there are."""
    return find(BIASES, "bias", name)


@dataclass(frozen=True, eq=False)
class Picks:
    """What would be tagged: order (n,), the images that show a label, in a drawn order; of every image the
    label that is picked, `chosen` (N,), and what each label that is there is taken for, `taken` (N, L).
    """

    order: NDArray[np.intp]
    chosen: Columns
    taken: Columns

    def tag(self, row: int) -> int:
        """The label that is named on an image."""
        return int(self.taken[row, self.chosen[row]])


def picks(
    truth: Truth, *, seed: int, bias: str = "uniform", areas: Weights | None = None, mistakes: float = 0.0
) -> Picks:
    """One label of each image of a truth (N, L), 1 present; see `BIASES`, and `taken_for` of mistakes.

    The same labels are picked, whatever is mistaken. Raises LearningError for an unknown bias.
    """
    weights = find_bias(bias).weights
    random = np.random.default_rng(seed)
    order = random.permutation(len(truth))
    likely = np.where(truth > 0, weights(truth, random, areas) + 1e-12, 0.0)
    # The largest of log weight + Gumbel noise is a draw in proportion to the weights.
    with np.errstate(divide="ignore"):
        chosen = (np.log(likely) + random.gumbel(size=truth.shape)).argmax(axis=1)
    taken = taken_for(truth, chosen, mistakes, np.random.default_rng([seed, MISTAKES_SEED]))
    return Picks(order[(truth[order] > 0).any(axis=1)], chosen, taken)


def single_positives(
    truth: Truth,
    count: int,
    *,
    seed: int,
    bias: str = "uniform",
    areas: Weights | None = None,
    mistakes: float = 0.0,
) -> Observations:
    """One positive (+1) on each of `count` images drawn by chance, unknown (0) elsewhere: (N, L) int8.

    truth (N, L): 1 present. Smaller counts of one seed are the beginning of larger ones, tags included.
    Images where nothing is present are passed over. mistakes: the share of tags that name an absent label.
    Raises LearningError for an unknown bias or when fewer images have a label.
    """
    found = picks(truth, seed=seed, bias=bias, areas=areas, mistakes=mistakes)
    if count > len(found.order):
        raise LearningError(
            f"{count} tags need as many images with a label, not {len(found.order)}.", "Take fewer tags."
        )
    observed = np.zeros(truth.shape, dtype=np.int8)
    for row in found.order[:count]:
        observed[row, found.tag(row)] = 1
    return observed


def full_labels(truth: Truth, observed: Observations) -> Observations:
    """Everything known, present and absent, on the images that have an observation."""
    full = np.where(truth > 0, 1, -1).astype(np.int8)
    full[~(observed != 0).any(axis=1)] = 0
    return full
