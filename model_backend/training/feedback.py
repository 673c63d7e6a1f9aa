"""What annotators answered to suggestions, and what it says about the next version's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training.calibration import Calibration, fit_platt, no_calibration, reliability
from model_backend.training.pool import Floats, Observations
from model_backend.training.thresholds import answered_thresholds, prior_thresholds

EDGE = 5e-4  # stored probabilities have three digits: nearer to 0 and 1 they are not known
UNASKED_CELLS = 20_000  # more tell nothing new


@dataclass(frozen=True, eq=False)
class Feedback:
    """M answered suggestions of earlier versions.

    labels: int (M,), columns of the pool. raw: float (M,), what the version said before its own calibration.
    shown: float (M,), what it said after. present: bool (M,), whether the annotator found the label.

    Only what reached the threshold was shown. Above it that does no harm: given the probability, being shown
    says nothing more about the truth. Below it nobody was asked, and cells of the pool stand in, taken at
    the model's word and weighing as much as the answers, or more where these are about few labels: what is
    learned up there cannot bend what is believed down there far. Feedback were given to earlier versions, to
    images these had not learned from; what they say holds for the next one as far as it errs alike, on
    images it has not learned from either. So give only answers to versions of the same backbone and recipe,
    and the newest. Annotators who review only where something is wrong make suggestions look worse than
    they are; that is not corrected.
    """

    labels: NDArray[np.integer]
    raw: NDArray[np.floating]
    shown: NDArray[np.floating]
    present: NDArray[np.bool_]

    def __post_init__(self) -> None:
        shapes = {np.shape(each) for each in (self.labels, self.raw, self.shown, self.present)}
        if len(shapes) != 1 or len(shapes.pop()) != 1:
            raise LearningError("Labels, probabilities and presence of answers must be of one length.")
        for said in (self.raw, self.shown):
            if not bool(((said >= 0) & (said <= 1)).all()):
                raise LearningError("Probabilities of answers must lie between 0 and 1.")

    def __len__(self) -> int:
        """M, the number of answers."""
        return len(self.labels)

    def tables(self, labels: int) -> tuple[Floats, Observations]:
        """Raw probabilities (K, L) and answers (K, L), +1, -1 or 0 for none; K: most answers of one label.

        Raises LearningError for an answer about a label that there is not.
        """
        if len(self) and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < labels:
            raise LearningError(f"Feedback must be about the {labels} labels of the pool.")
        order = np.argsort(self.labels, kind="stable")
        columns = self.labels[order]
        rows = np.arange(len(self)) - np.searchsorted(columns, columns)
        raw = np.full((rows.max(initial=-1) + 1, labels), 0.5, dtype=np.float32)
        raw[rows, columns] = np.clip(self.raw[order], EDGE, 1 - EDGE)
        answers = np.zeros(raw.shape, dtype=np.int8)
        answers[rows, columns] = np.where(self.present[order], 1, -1)
        return raw, answers

    def metrics(self) -> dict[str, int | float]:
        """How many there are, the share that was right, and how far that is from what was said, by bins."""
        if not len(self):
            return {"answers": 0}
        return {
            "answers": len(self),
            "suggestions_right": round(float(self.present.mean()), 4),
            "calibration_error": round(reliability(self.shown, self.present.astype(np.float32)).error, 4),
        }


def no_feedback() -> Feedback:
    """Before anyone has answered."""
    nothing = np.empty(0, dtype=np.float32)
    return Feedback(np.empty(0, dtype=np.int64), nothing, nothing, np.empty(0, dtype=np.bool_))


def calibrate_by_feedback(feedback: Feedback, raw: Floats, observed: Observations) -> Calibration:
    """The calibration of raw probabilities (N, L); none below 20 answers."""
    labels = observed.shape[1]
    if not len(feedback):
        return no_calibration(labels)
    said, given = feedback.tables(labels)
    asked_from = np.quantile(feedback.raw, 0.05)  # not the minimum: one odd answer must not decide
    every = max(1, raw.size // UNASKED_CELLS)
    raw, observed = raw[::every], observed[::every]
    return fit_platt(said, given, unasked=np.where((observed == 0) & (raw < asked_from), raw, np.nan))


def thresholds_by_feedback(
    feedback: Feedback,
    calibration: Calibration,
    probabilities: Floats,
    observed: Observations,
    precision: float,
) -> NDArray[np.float32]:
    """Thresholds (L,) for calibrated probabilities (N, L): by the answers where a label has enough.

    Uncalibrated ones are read as they are, see `prior_thresholds`. Calibrated ones are averaged over what is
    still to be suggested alone, and labels with answers of their own follow these.
    """
    if not calibration.answers:
        return prior_thresholds(probabilities, precision)
    start = prior_thresholds(np.where(observed == 0, probabilities, 0), precision)
    said, given = feedback.tables(observed.shape[1])
    return answered_thresholds(calibration(said), given, precision, start)
