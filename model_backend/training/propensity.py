"""How likely annotators tag a label where it is present: some labels they prefer, others they leave out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.training.covered import Cells, measured_cells, told_cells
from model_backend.training.pool import Observations

Rates = NDArray[np.floating]
LEAST = 0.01
LEAST_REVIEWS = 20  # completely reviewed images below which the labels' rates are not known


def label_propensity(observed: Observations, truth_rate: Rates) -> NDArray[np.float64]:
    """The chance (L,) that a label which is present was the one tagged, clipped to [0.01, 1].

    observed (N, L): tags, one an image; leave completely reviewed images out, whose labels were not chosen.
    truth_rate (L,): the share of images that show the label, as completely reviewed images give it.

    >>> observed = np.array([[1, 0], [1, 0], [1, 0], [0, 1]], np.int8)
    >>> label_propensity(observed, truth_rate=np.array([0.75, 0.5])).tolist()
    [1.0, 0.5]
    """
    tagged = observed[(observed > 0).any(axis=1)] > 0
    rate = tagged.mean(axis=0) if len(tagged) else np.zeros(observed.shape[1])
    return np.asarray(np.clip(rate / np.maximum(truth_rate, 1e-6), LEAST, 1.0), dtype=np.float64)


def propensity_from_reviews(
    observed: Observations,
    covered: Cells | None = None,
    asked: Cells | None = None,
    drawn: Cells | None = None,
) -> NDArray[np.float64] | None:
    """The propensity (L,) that a pool's own complete reviews tell; None while there are fewer than 20.

    observed (N, L): an image counts as completely reviewed when every label is known, or as `covered` (N, L)
    says; covered, asked (N, L) and drawn (N,): see `Pool`. The rates of L labels come from reviews that stand
    for all images, with half an image added so that a label never seen is not impossible; the tags come from
    images that were neither reviewed nor asked by name. A label that fewer than 20 reviews
    tell, since it came after the others, has the chance of all other labels together.

    >>> observed = np.array([[1, -1]] * 15 + [[1, 1]] * 15 + [[1, 0]] * 90 + [[0, 1]] * 10, np.int8)
    >>> propensity_from_reviews(observed).round(2).tolist()
    [0.91, 0.2]
    """
    told = measured_cells(observed, covered, drawn)
    by_label = told.sum(axis=0)
    enough = by_label >= LEAST_REVIEWS
    if not enough.any():
        return None
    rate = (((observed > 0) & told).sum(axis=0) + 0.5) / (by_label + 1)
    tagged = observed[~told_cells(observed, covered, asked).any(axis=1)]
    found = label_propensity(tagged, rate)
    if not enough.all():
        found[~enough] = _together(tagged[:, enough], rate[enough])
    return found


def _together(tagged: Observations, rate: Rates) -> float:
    """The chance that a present label is the one tagged, over all of these labels."""
    images = max(int((tagged > 0).any(axis=1).sum()), 1)
    return float(np.clip((tagged > 0).sum() / images / max(float(rate.sum()), 1e-6), LEAST, 1.0))


def checked_propensity(given: Rates | None, labels: int) -> torch.Tensor | None:
    """The propensities (L,) as a float32 tensor; None stays.

    Raises LearningError for another shape, and for numbers that are no chances above 0.
    """
    if given is None:
        return None
    values = torch.as_tensor(np.asarray(given, dtype=np.float32))
    if values.shape != (labels,) or not bool(((values > 0) & (values <= 1)).all()):
        raise LearningError(
            f"Propensities must be {labels} chances above 0 and at most 1, one a label.",
            "Estimate them by `label_propensity`, or leave them out.",
        )
    return values
