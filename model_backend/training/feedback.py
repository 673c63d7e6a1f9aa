"""Feedback on the suggestions of earlier versions, and how it calibrates the next version's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training.calibration import Calibration, calibration_error, fit_platt, no_calibration
from model_backend.training.pool import Floats, Observations
from model_backend.training.thresholds import enough_feedback, feedback_thresholds, prior_thresholds

EDGE = 5e-4  # stored probabilities have three digits: nearer to 0 and 1 they are not known
UNREVIEWED_CELLS = 20_000  # more of them change nothing


@dataclass(frozen=True, eq=False)
class Feedback:
    """M reviewed suggestions of earlier versions.

    labels: int (M,), columns of the pool. raw: float (M,), the version's probability before its own
    calibration. shown: float (M,), the calibrated one. present: bool (M,), whether the annotator found the
    label in the image. Raises LearningError where lengths differ or a probability is outside 0..1.

    Only labels whose probability reached the threshold were suggested. Above the threshold that does no harm:
    given the probability, being suggested says nothing more about the truth. Below it there is no feedback.
    There, cells of the pool are fitted to their own probability, see `fit_platt`. The feedback is on images
    that the earlier versions had not learned from. It holds for the next version as far as that errs alike,
    on images it has not learned from either. So give only feedback on versions of the same backbone and
    recipe, and the newest. Annotators who review only where something is wrong make suggestions look worse
    than they are; that is not corrected.

    >>> shown, present = np.array([0.9, 0.8]), np.array([True, False])
    >>> Feedback(labels=np.array([0, 1]), raw=shown, shown=shown, present=present).metrics()
    {'answers': 2, 'suggestions_right': 0.5, 'calibration_error': 0.45}
    """

    labels: NDArray[np.integer]
    raw: NDArray[np.floating]
    shown: NDArray[np.floating]
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shapes = {np.shape(each) for each in (self.labels, self.raw, self.shown, self.present)}
        if len(shapes) != 1 or len(shapes.pop()) != 1:
            raise LearningError("Labels, probabilities and presence of feedback must be of one length.")
        for probabilities in (self.raw, self.shown):
            if not bool(((probabilities >= 0) & (probabilities <= 1)).all()):
                raise LearningError("Probabilities of feedback must lie between 0 and 1.")

    def __len__(self) -> int:
        """M, the number of reviewed suggestions."""
        return len(self.labels)

    def tables(self, labels: int) -> tuple[Floats, Observations]:
        """Raw probabilities (K, L) and feedback (K, L), +1, -1 or 0 for none; K: the most about one label.

        Raises LearningError for feedback about a label that the pool does not have.
        """
        if len(self) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < labels:
            raise LearningError(f"Feedback must be about the {labels} labels of the pool.")
        order = np.argsort(self.labels, kind="stable")
        columns = self.labels[order]
        rows = np.arange(len(self)) - np.searchsorted(columns, columns)
        raw = np.full((rows.max(initial=-1) + 1, labels), 0.5, dtype=np.float32)
        raw[rows, columns] = np.clip(self.raw[order], EDGE, 1 - EDGE)
        feedback = np.zeros(raw.shape, dtype=np.int8)
        feedback[rows, columns] = np.where(self.present[order], 1, -1)
        return raw, feedback

    def enough(self, labels: int, precision: float) -> NDArray[np.bool_]:
        """Whether a label (L,) has so much feedback that this alone sets its threshold."""
        return np.bincount(self.labels, minlength=labels) >= enough_feedback(precision)

    def metrics(self) -> dict[str, int | float]:
        """Their number, the share that was right, and the calibration error of the probabilities shown."""
        if not len(self):
            return {"answers": 0}
        return {
            "answers": len(self),
            "suggestions_right": round(float(self.present.mean()), 4),
            "calibration_error": round(calibration_error(self.shown, self.present), 4),
        }


def no_feedback() -> Feedback:
    """Before anyone has reviewed a suggestion."""
    nothing = np.empty(0, dtype=np.float32)
    return Feedback(np.empty(0, dtype=np.int64), nothing, nothing, np.empty(0, dtype=np.bool_))


def calibrate_by_feedback(feedback: Feedback, raw: Floats, observed: Observations) -> Calibration:
    """The calibration of the pool's raw probabilities (N, L); none below 20 cells of feedback."""
    labels = observed.shape[1]
    if not len(feedback):
        return no_calibration(labels)
    probabilities, given = feedback.tables(labels)
    suggested_from = np.quantile(feedback.raw, 0.05)  # not the minimum: one odd suggestion must not decide
    every = max(1, raw.size // UNREVIEWED_CELLS)
    raw, observed = raw[::every], observed[::every]
    unreviewed = np.where((observed == 0) & (raw < suggested_from), raw, np.nan)
    return fit_platt(probabilities, given, unreviewed)


def thresholds_by_feedback(
    feedback: Feedback,
    calibration: Calibration,
    probabilities: Floats,
    observed: Observations,
    precision: float,
) -> NDArray[np.float32]:
    """Thresholds (L,) for calibrated probabilities (N, L): by the feedback where a label has enough.

    Without a calibration they are `prior_thresholds` of all cells. With one, those of the cells that are not
    observed, and of the feedback for labels that have enough of their own.
    """
    if not calibration.feedback:
        return prior_thresholds(probabilities, precision)
    start = prior_thresholds(np.where(observed == 0, probabilities, 0), precision)
    raw, given = feedback.tables(observed.shape[1])
    return feedback_thresholds(calibration(raw), given, precision, start)
