"""Probabilities that mean what they say, learned from accepted and rejected suggestions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
    shapes = {np.shape(each) for each in (probabilities, answers, shown) if each is not None}
    if len(shapes) > 1:
        raise LearningError(
            "Probabilities, answers and chances to be shown must be of one shape (images, labels)."
        )
    labels = probabilities.shape[1]
    judged = _judged(probabilities, np.asarray(answers), shown)
    beside = None if unasked is None or np.isnan(unasked).all() else _believed(unasked, judged, labels)
    one_kind = judged.target.min(initial=1) == judged.target.max(initial=0)
    if len(judged.target) < LEAST_ANSWERS or (one_kind and beside is None):
        return no_calibration(labels)
    slope, offset = _solve(judged if beside is None else judged.plus(beside), labels)
    return Calibration(np.full(labels, slope, np.float32), offset.astype(np.float32), len(judged.target))


@dataclass(frozen=True, eq=False)
class _Cells:
    """What is fitted to, (M,) each: columns, what the model said, what is true (0..1), its weight."""

    columns: NDArray[np.intp]
    said: Floats
    target: Floats
    weight: Floats

    def plus(self, other: _Cells) -> _Cells:
        """These and the others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Cells(*(np.concatenate(pair) for pair in pairs))


def _judged(probabilities: Floats, answers: NDArray[Any], shown: Floats | None) -> _Cells:
    """The answered cells; their weights average 1."""
    rows, columns = np.nonzero(answers)
    weight = np.ones(len(rows)) if shown is None else 1 / np.clip(np.asarray(shown)[rows, columns], 0.02, 1.0)
    said = probabilities[rows, columns].astype(np.float64)
    right = (answers[rows, columns] > 0).astype(np.float64)
    return _Cells(columns, said, right, weight / weight.mean() if len(rows) else weight)


def _believed(unasked: Floats, judged: _Cells, labels: int) -> _Cells:
    """The cells that nobody was to judge, at the model's word."""
    rows, columns = np.nonzero(~np.isnan(unasked))
    said = unasked[rows, columns].astype(np.float64)
    count = max(len(judged.columns), 1)
    share = np.bincount(judged.columns, minlength=labels) / count
    # Labels that answers are about, counted evenly: what one label taught must not move all the others.
    answered = 1 / max((share**2).sum(), 1 / labels)
    return _Cells(columns, said, said, np.full(len(rows), count / len(rows) * labels / answered))


def _solve(cells: _Cells, labels: int) -> tuple[float, NDArray[np.float64]]:
    """Slope and offsets (L,) of the highest posterior under the priors above."""
    spread = np.array([SLOPE, OFFSET, *[OWN_OFFSET] * labels])
    scores = logit(np.clip(cells.said, EDGE, 1 - EDGE))

    def cost(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        slope, shared, own = np.exp(values[0]), values[1], values[2:]
        raw = slope * scores + shared + own[cells.columns]
        error = cells.weight * (expit(raw) - cells.target)
        losses = cells.weight * (np.logaddexp(0, raw) - cells.target * raw)
        penalty = ((values / spread) ** 2).sum() / 2
        by_label = np.bincount(cells.columns, error, labels)
        gradient = np.concatenate([[(error * slope * scores).sum(), error.sum()], by_label])
        return float(losses.sum() + penalty), gradient + values / spread**2

    found = minimize(cost, np.zeros(labels + 2), jac=True, method="L-BFGS-B").x
    return float(np.exp(found[0])), found[1] + found[2:]


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
