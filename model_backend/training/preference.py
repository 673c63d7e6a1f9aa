"""Whether people name common labels first: what they tag beside what images drawn by chance show.

Reviews of drawn images are few, and of one label they tell next to nothing. So one number is learned for all
labels: how the chance that a label which is there is tagged grows with how common the label is.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from model_backend.training.covered import covered_cells, told_cells
from model_backend.training.pool import Pool

Shares = NDArray[np.float64]
SPREAD = 1.0  # standard deviation that the exponent is expected to have, 0 being no preference
DOUBT = 0.5  # standard deviations by which the exponent is believed to be nearer to 0 than it seems
LEAST = 0.01  # of the label that is tagged most readily
HALF = 0.5  # an answer assumed of each label


def tag_preference(pool: Pool) -> Shares | None:
    """How readily each label (L,) is tagged where it is there, 1 the most; None where nothing tells.

    Without a preference a review of an image with m labels stands for 1 / m of a tag of each. See
    `preference_of`.
    """
    if pool.drawn is None:
        return None
    told = told_cells(pool.observed, pool.covered, pool.asked)
    reviewed = covered_cells(pool.observed, pool.covered).all(axis=1) & pool.drawn
    shown = pool.observed[reviewed] > 0
    by_chance = (shown / np.maximum(shown.sum(axis=1, keepdims=True), 1)).sum(axis=0)
    tagged = pool.observed[~told.any(axis=1)] > 0
    if not by_chance.any() or not tagged.any():
        return None
    return preference_of(tagged.sum(axis=0).astype(np.float64), by_chance)


def preference_of(tags: Shares, by_chance: Shares) -> Shares:
    """The weights (L,) by which tags (L,) differ from as many as chance would have of each label (L,).

    They are c^g, where c is how often a label was met in both together. g is that of a logistic regression
    which tells the tags from the others by log c, as density ratios are estimated (Qin, Biometrika 85, 1998),
    with the prior N(0, 1), less half a standard deviation of its posterior (Laplace), and at least 0: what
    chance does to few reviews is no preference, and people who name rare labels first are not expected.

    >>> preference_of(np.array([90.0, 10.0]), np.array([9.0, 1.0])).round(1).tolist()
    [1.0, 1.0]
    >>> preference_of(np.array([95.0, 5.0]), np.array([30.0, 20.0])).round(1).tolist()
    [1.0, 0.1]
    """
    logs = np.log(tags + by_chance + HALF)
    common = logs - logs.mean()

    def cost(values: Shares) -> tuple[float, Shares]:
        scores = values[0] + values[1] * common
        loss = tags @ np.logaddexp(0, -scores) + by_chance @ np.logaddexp(0, scores)
        error = by_chance * expit(scores) - tags * expit(-scores)
        gradient = np.array([error.sum(), error @ common + values[1] / SPREAD**2])
        return float(loss + values[1] ** 2 / 2 / SPREAD**2), gradient

    intercept, exponent = minimize(cost, np.zeros(2), jac=True, method="L-BFGS-B").x
    believed = max(
        exponent - DOUBT * _deviation(intercept + exponent * common, tags + by_chance, common), 0.0
    )
    weights = np.exp(believed * common)
    return np.asarray((weights / weights.max()).clip(min=LEAST), dtype=np.float64)


def _deviation(scores: Shares, counts: Shares, common: Shares) -> float:
    """The standard deviation of the exponent's posterior: from the curvature where it is highest."""
    curvature = counts * expit(scores) * expit(-scores)
    of_intercept, both = curvature.sum(), curvature @ common
    return float((curvature @ common**2 + 1 / SPREAD**2 - both**2 / of_intercept) ** -0.5)
