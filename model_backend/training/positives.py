"""k, the expected positives an image: from completed reviews, else from the user, else a stated prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_backend.errors import LearningError
from model_backend.training.pool import Observations

PRIOR = 2.0  # labels an image, at most half of all; VOC has 1.5, NUS 1.9, COCO 2.9
PRIOR_REVIEWS = 5.0  # completed reviews that weigh as much as the prior or the user's number


@dataclass(frozen=True)
class ExpectedPositives:
    """value: labels an image; source: reviews, user or prior; reviews: completed images it was read from."""

    value: float
    source: str
    reviews: int


def expected_positives(observed: Observations, given: float | None = None) -> ExpectedPositives:
    """k for observed (N, L). Images with every label observed count; `given` is the user's number.

    Reviews are averaged with the user's number (or the prior) as if that came from a few reviews more,
    so the first review does not decide alone. Raises LearningError for a given number outside (0, L].
    """
    labels = observed.shape[1]
    if given is not None and not 0 < given <= labels:
        raise LearningError(f"Expected positives must be above 0 and at most {labels} labels, not {given}.")
    start = given if given is not None else min(PRIOR, labels / 2)
    complete = (observed != 0).all(axis=1) & (labels > 1)
    reviews = int(complete.sum())
    if not reviews:
        return ExpectedPositives(float(start), "prior" if given is None else "user", 0)
    counted = float((observed[complete] > 0).sum())
    value = (counted + PRIOR_REVIEWS * start) / (reviews + PRIOR_REVIEWS)
    return ExpectedPositives(float(np.clip(value, 0.1, labels)), "reviews", reviews)
