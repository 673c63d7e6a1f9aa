"""Regularised online label estimation."""

from __future__ import annotations

from torch import Tensor

from model_backend.losses.base import Loss
from model_backend.losses.batch import Masks
from model_backend.losses.terms import expected_positive_gap, weighted_bce


class ROLE(Loss):
    """Classifier p and estimator g teach each other, each held to what is known and to k positives an image.

    1/2 [known(p) + known(g) + CE(p; stop(g)) + CE(g; stop(p))] / (B L) + 1/2 [gap(p) + gap(g)], one backward
    pass for both. Cole et al. 2021 and its code, with observed negatives beside the positives.
    Any estimator will do; its logits are `Batch.estimate`.
    """

    def value(self, logits: Tensor, masks: Masks) -> Tensor:
        """Both halves."""
        estimate = masks.batch.require_estimate("role").to(logits)
        classifier = self.side(logits, estimate.detach(), masks)
        estimator = self.side(estimate, logits.detach(), masks)
        return (classifier + estimator) / 2

    def side(self, student: Tensor, teacher: Tensor, masks: Masks) -> Tensor:
        """The loss of one of the two: known cells, the other's probabilities as soft labels, the gap to k."""
        soft_labels = teacher.sigmoid()
        cells = weighted_bce(student, masks.positive + soft_labels, masks.negative + 1 - soft_labels)
        return cells.sum() / max(student.numel(), 1) + expected_positive_gap(
            student, masks.batch.expected_positives
        )
