"""Regularised online label estimation."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Known
from model_backend.losses.terms import answers, expected_positive_gap


class ROLE(Loss):
    """Classifier p and estimator g teach each other, each held to what is known and to k positives an image.

    1/2 [known(p) + known(g) + CE(p; stop(g)) + CE(g; stop(p))] / (B L) + 1/2 [gap(p) + gap(g)], one backward
    pass for both. Cole et al. 2021 and its code, with observed negatives beside the positives.
    Any estimator serves: its logits come as `Batch.estimate`.
    """

    def value(self, logits: Tensor, known: Known) -> Tensor:
        """Both halves."""
        estimate = known.batch.require_estimate("role").to(logits)
        classifier = self.side(logits, estimate.detach(), known)
        estimator = self.side(estimate, logits.detach(), known)
        return (classifier + estimator) / 2

    def side(self, student: Tensor, teacher: Tensor, known: Known) -> Tensor:
        """What one of the two pays: the known cells, the other's opinion, and the expected positives."""
        belief = teacher.sigmoid()
        cells = answers(student, known.positive + belief, known.negative + 1 - belief)
        return cells.sum() / max(student.numel(), 1) + expected_positive_gap(
            student, known.batch.expected_positives
        )
