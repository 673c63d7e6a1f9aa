"""How many tags a completely marked image is worth, from refits that take it for one tag instead."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model_backend.planning.curves import DRAWS, fit_power_law
from model_backend.planning.refits import Refits, bootstrap_weights

MOST = 20.0  # tags: a curve that says more, or less than none, cannot tell
LEAST_COMPLETE = 15  # reviewed images in the largest refits
LEAST_SPREAD = 0.5  # tags: what draws of images alone do not show


@dataclass(frozen=True)
class Worth:
    """The worth of a complete image in tags, and its standard deviation.

    alone: what the record alone says; None where it says nothing, and the worth is a prior.
    """

    tags: float
    spread: float
    alone: float | None = None

    @property
    def measured(self) -> bool:
        """Whether the record moved the prior."""
        return self.alone is not None


def worth_of_complete(complete: Refits, as_tags: Refits, prior: Worth, *, seed: int = 0) -> Worth:
    """The prior, moved as far as the record is sure.

    as_tags: refits of the same record with one tag in place of each review. How many tags reach what the
    whole record does is read off their curve; the reviews share what that is above the tags that there are.
    Its spread is that over draws of the reviewed images; prior and record are weighed by their precision.
    """
    tags, reviews = float(complete.tags[-1].mean()), float(complete.complete[-1].mean())
    counts = as_tags.answers()
    used = np.isfinite(counts)
    if not np.isfinite(tags) or reviews < LEAST_COMPLETE or used.sum() < 3:
        return prior
    weights = bootstrap_weights(len(complete.truth), DRAWS, seed)
    reached = 1 - complete.precisions(weights)[-1].mean(axis=0)
    curves = 1 - as_tags.precisions(weights)[used].mean(axis=1)
    found = [
        (fit_power_law(counts[used], curve).answers(error) - tags) / reviews
        for curve, error in zip(curves.T, reached, strict=True)
        if np.isfinite(curve).all() and np.isfinite(error)
    ]
    each = np.array([value for value in found if 0 < value < MOST])
    if 2 * len(each) < len(found) or not len(each):
        return prior
    alone, spread = float(np.median(each)), max(float(np.std(each)), LEAST_SPREAD)
    return weighed(prior, alone, spread)


def weighed(prior: Worth, alone: float, spread: float) -> Worth:
    """What a prior and a measurement come to, both of them taken for normal.

    >>> weighed(Worth(3.0, 1.0), alone=5.0, spread=1.0)
    Worth(tags=4.0, spread=0.7071067811865476, alone=5.0)
    """
    own, before = spread**-2, prior.spread**-2
    return Worth((own * alone + before * prior.tags) / (own + before), float((own + before) ** -0.5), alone)
