"""Probabilities calibrated by the feedback on suggestions: by those accepted and those rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from torch import Tensor

from model_backend.errors import LearningError

EDGE = 1e-6  # probabilities are read as at least this far from 0 and 1
LEAST_FEEDBACK = 20
# How far labels are expected to be off, as standard deviations: all in the same way (logarithm of the slope,
# offset), and each in its own. Wide for their own: feedback on one label holds little about the others.
SLOPE, OFFSET, OWN_OFFSET = 0.3, 0.5, 1.0
Floats = NDArray[np.floating]


def calibrated(probabilities: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """sigmoid(scale * logit(p) + offset): probabilities (M, L) by Platt scaling (L,), (L,).

    With scale 1 and offset 0 they stay as they are, to the bit.
    """
    if bool((scale == 1).all()) and bool((offset == 0).all()):
        return probabilities
    return torch.sigmoid(scale * torch.logit(probabilities, eps=EDGE) + offset)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Platt scaling, see `calibrated`: scale and offset (L,); feedback: how many it was fitted to.

    >>> calibration = Calibration(np.array([0.5], np.float32), np.array([-1], np.float32), feedback=20)
    >>> lower = calibration(np.array([[0.9]]))
    >>> f"{lower.item():.3f} {calibration.undo(lower).item():.3f}"
    '0.525 0.900'
    """

    scale: NDArray[np.float32]
    offset: NDArray[np.float32]
    feedback: int

    def __call__(self, probabilities: Floats) -> NDArray[np.float32]:
        """Calibrated probabilities (N, L)."""
        given = torch.from_numpy(np.asarray(probabilities, dtype=np.float32))
        scaled: NDArray[np.float32] = calibrated(
            given, torch.from_numpy(self.scale), torch.from_numpy(self.offset)
        ).numpy()
        return scaled

    def undo(self, probabilities: Floats) -> NDArray[np.float32]:
        """The probabilities (N, L) before calibration of calibrated ones (N, L)."""
        if (self.scale == 1).all() and (self.offset == 0).all():
            return np.asarray(probabilities, dtype=np.float32)
        logits = logit(np.clip(probabilities, EDGE, 1 - EDGE))
        return np.asarray(expit((logits - self.offset) / self.scale), dtype=np.float32)


def no_calibration(labels: int) -> Calibration:
    """Leaves probabilities of L labels as they are."""
    return Calibration(np.ones(labels, np.float32), np.zeros(labels, np.float32), 0)


def fit_platt(
    probabilities: Floats, feedback: NDArray[np.integer] | Floats, unreviewed: Floats | None = None
) -> Calibration:
    """Platt scaling with one slope for all labels and a shrunken offset for each (Platt, 1999).

    probabilities (N, L): before any calibration. feedback (N, L): +1 accepted, -1 rejected, 0 none.
    unreviewed (K, L): probabilities of cells that were never suggested, NaN elsewhere. They are fitted to
    themselves, so that feedback on high probabilities cannot change low ones much; together they weigh as
    much as the feedback, or more where that is about few of the labels. Below 20 cells of feedback, or with
    feedback of one kind and nothing unreviewed, nothing is changed.
    Raises LearningError where the shapes differ.

    >>> probabilities = np.full((40, 1), 0.9)
    >>> accepted_half = np.where(np.arange(40) % 2, 1, -1)[:, None]
    >>> calibration = fit_platt(probabilities, accepted_half)
    >>> bool(0.5 < calibration(probabilities[:1]) < 0.6)
    True
    """
    if np.shape(probabilities) != np.shape(feedback):
        raise LearningError("Probabilities and feedback must be of one shape (images, labels).")
    labels = probabilities.shape[1]
    reviewed = _reviewed_cells(probabilities, np.asarray(feedback))
    beside = None
    if unreviewed is not None and not np.isnan(unreviewed).all():
        beside = _unreviewed_cells(unreviewed, reviewed, labels)
    one_kind = reviewed.target.min(initial=1) == reviewed.target.max(initial=0)
    if len(reviewed.target) < LEAST_FEEDBACK or (one_kind and beside is None):
        return no_calibration(labels)
    slope, offset = _solve(reviewed if beside is None else reviewed.plus(beside), labels)
    return Calibration(np.full(labels, slope, np.float32), offset.astype(np.float32), len(reviewed.target))


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells of a fit, (M,) each: column, probability before calibration, target (0..1), weight."""

    columns: NDArray[np.intp]
    probability: Floats
    target: Floats
    weight: Floats

    def plus(self, other: _Cells) -> _Cells:
        """These and the others."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Cells(*(np.concatenate(pair) for pair in pairs))


def _reviewed_cells(probabilities: Floats, feedback: NDArray[np.integer] | Floats) -> _Cells:
    """The cells with feedback, each weighing 1."""
    rows, columns = np.nonzero(feedback)
    accepted = (feedback[rows, columns] > 0).astype(np.float64)
    return _Cells(columns, probabilities[rows, columns].astype(np.float64), accepted, np.ones(len(rows)))


def _unreviewed_cells(unreviewed: Floats, reviewed: _Cells, labels: int) -> _Cells:
    """The cells that were never suggested, with their own probability as target."""
    rows, columns = np.nonzero(~np.isnan(unreviewed))
    probability = unreviewed[rows, columns].astype(np.float64)
    count = max(len(reviewed.columns), 1)
    share = np.bincount(reviewed.columns, minlength=labels) / count
    # Labels that feedback is about, counted evenly: feedback on one label must not move all the others.
    labels_reviewed = 1 / max((share**2).sum(), 1 / labels)
    weight = np.full(len(rows), count / len(rows) * labels / labels_reviewed)
    return _Cells(columns, probability, probability, weight)


def _solve(cells: _Cells, labels: int) -> tuple[float, NDArray[np.float64]]:
    """Slope and offsets (L,) of the highest posterior under the priors above."""
    spread = np.array([SLOPE, OFFSET, *[OWN_OFFSET] * labels])
    scores = logit(np.clip(cells.probability, EDGE, 1 - EDGE))

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


def calibration_error(
    probabilities: Floats, truth: Floats | NDArray[np.integer] | NDArray[np.bool_], bins: int = 10
) -> float:
    """The expected calibration error, 0..1, over all cells of (N, L) or any other shape.

    The mean over cells, by bins of equal width, of |mean probability - share that is present| (Guo et al.,
    ICML 2017). Raises LearningError where shapes differ or hold no cell.
    """
    predicted, present = np.ravel(probabilities).astype(np.float64), np.ravel(np.greater(truth, 0))
    if predicted.size != present.size or not predicted.size:
        raise LearningError(
            "The calibration error needs probabilities and truth of one shape, and at least one cell."
        )
    index = np.minimum((predicted * bins).astype(int), bins - 1)
    cells = np.bincount(index, minlength=bins)
    with np.errstate(invalid="ignore"):
        mean_predicted = np.bincount(index, predicted, bins) / cells
        share_present = np.bincount(index, present, bins) / cells
    return float(np.nansum(cells * np.abs(mean_predicted - share_present)) / predicted.size)
