"""Probabilities that mean what they say, learned from accepted and rejected suggestions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit

from model_backend.errors import LearningError

EDGE = 1e-6
LEAST_ANSWERS = 20
# How far labels are expected to be off, as standard deviations: all in the same way (logarithm of the slope,
# offset), and each in its own. Wide for their own: answers about one label tell little of the others.
SLOPE, OFFSET, OWN_OFFSET = 0.3, 0.5, 1.0
Floats = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Calibration:
    """calibrated = sigmoid(scale * logit(p) + offset), both (L,); answers: how many it was read from."""

    scale: NDArray[np.float32]
    offset: NDArray[np.float32]
    answers: int

    def __call__(self, probabilities: Floats) -> NDArray[np.float32]:
        """Calibrated probabilities (N, L)."""
        logits = logit(np.clip(probabilities, EDGE, 1 - EDGE))
        return np.asarray(expit(self.scale * logits + self.offset), dtype=np.float32)

    def undo(self, calibrated: Floats) -> NDArray[np.float32]:
        """The probabilities (N, L) that were calibrated to these."""
        if (self.scale == 1).all() and (self.offset == 0).all():
            return np.asarray(calibrated, dtype=np.float32)
        logits = logit(np.clip(calibrated, EDGE, 1 - EDGE))
        return np.asarray(expit((logits - self.offset) / self.scale), dtype=np.float32)


def no_calibration(labels: int) -> Calibration:
    """Leaves probabilities of L labels as they are."""
    return Calibration(np.ones(labels, np.float32), np.zeros(labels, np.float32), 0)


def fit_platt(
    probabilities: Floats,
    answers: NDArray[np.integer] | Floats,
    shown: Floats | None = None,
    unasked: Floats | None = None,
) -> Calibration:
    """Platt scaling with one slope for all labels and a shrunken offset for each.

    probabilities (N, L): what the model said, before any calibration. answers (N, L): +1 accepted, -1
    rejected, 0 no answer. shown (N, L): the chance in (0, 1] that the cell came to be judged; answers weigh
    1 / shown, so that suggesting only what is likely does not pass for all being likely (Horvitz and
    Thompson, 1952). None: judged by chance alone. unasked (K, L): probabilities that nobody was to judge, NaN
    elsewhere; they are taken at their word, and weigh together as much as the answers, or more where these
    are about few of the labels. Below 20 answers, or with answers of one kind and nothing beside them,
    nothing is changed.
    """
    if probabilities.shape != np.shape(answers) or (
        shown is not None and np.shape(shown) != np.shape(answers)
    ):
        raise LearningError(
            "Probabilities, answers and chances to be shown must be of one shape (images, labels)."
        )
    rows, columns = np.nonzero(answers)
    right = np.asarray(answers)[rows, columns] > 0
    labels = probabilities.shape[1]
    if unasked is not None and np.isnan(unasked).all():
        unasked = None
    one_kind = right.all() or not right.any()
    if len(rows) < LEAST_ANSWERS or (one_kind and unasked is None):
        return no_calibration(labels)
    weight = np.ones(len(rows)) if shown is None else 1 / np.clip(np.asarray(shown)[rows, columns], 0.02, 1.0)
    weight = weight / weight.mean()
    said, target = probabilities[rows, columns].astype(np.float64), right.astype(np.float64)
    if unasked is not None:
        at, beside = np.nonzero(~np.isnan(unasked))
        believed = unasked[at, beside].astype(np.float64)
        share = np.bincount(columns, minlength=labels) / len(columns)
        # Labels that answers are about, counted evenly: what one label taught must not move all the others.
        answered = 1 / (share**2).sum()
        weight = np.append(weight, np.full(len(at), len(rows) / len(at) * labels / answered))
        columns, said, target = (
            np.append(columns, beside),
            np.append(said, believed),
            np.append(target, believed),
        )
    spread = np.array([SLOPE, OFFSET, *[OWN_OFFSET] * labels])
    scores = logit(np.clip(said, EDGE, 1 - EDGE))

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, shared, own = np.exp(values[0]), values[1], values[2:]
        raw = slope * scores + shared + own[columns]
        error = weight * (expit(raw) - target)
        losses = weight * (np.logaddexp(0, raw) - target * raw)
        penalty = ((values / spread) ** 2).sum() / 2
        gradient = np.concatenate(
            [
                [(error * slope * scores).sum(), error.sum()],
                np.bincount(columns, error, labels),
            ]
        )
        return float(losses.sum() + penalty), gradient + values / spread**2

    found = minimize(cost, np.zeros(labels + 2), jac=True, method="L-BFGS-B").x
    scale = np.full(labels, np.exp(found[0]), dtype=np.float32)
    return Calibration(scale, (found[1] + found[2:]).astype(np.float32), len(rows))


@dataclass(frozen=True, eq=False)
class Reliability:
    """error: the expected calibration error, 0..1; said, held, cells: each bin's mean p, truth, size."""

    error: float
    said: NDArray[np.float64]
    held: NDArray[np.float64]
    cells: NDArray[np.int64]


def reliability(probabilities: Floats, truth: Floats, bins: int = 10) -> Reliability:
    """How often what was said with p held, over all cells; equal-width bins, empty ones are NaN."""
    said, held = np.ravel(probabilities).astype(np.float64), np.ravel(np.asarray(truth) > 0)
    if said.size != held.size or not said.size:
        raise LearningError("Reliability needs probabilities and truth of one shape, and at least one cell.")
    index = np.minimum((said * bins).astype(int), bins - 1)
    cells = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_said = np.bincount(index, said, bins) / cells
        mean_held = np.bincount(index, held, bins) / cells
    error = float(np.nansum(cells * np.abs(mean_said - mean_held)) / said.size)
    return Reliability(error, mean_said, mean_held, cells)
