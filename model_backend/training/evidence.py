"""Which labels have earned to be suggested, by how well they foretold tags that they had not seen.

A model's own word is not enough while tags are few: after one picture of a cat it expects cats everywhere.
And a label that most images show comes out right most of the time without saying anything of this image. So
a label is suggested only where its own tags are foretold better than it meets images at large.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, chi2

from model_backend.training.feedback import Feedback
from model_backend.training.finish import Fit
from model_backend.training.soft_labels import SoftLabels
from model_backend.training.thresholds import NEVER

Floats = NDArray[np.floating]

LEAST_TAGS = 2  # of a label, one of which is held out
LEAST_NAMED_TAGS = 1  # of a label that is expected by its name: that was not learned from the tag
LEAST_LABELS = 2  # that are tagged at all: with one, all images are alike
LEVEL = 0.05  # how likely tags may be as well foretold by a name that says nothing


def only_earned(fit: Fit, soft_labels: SoftLabels, feedback: Feedback, precision: float) -> Fit:
    """The fit with suggestions of earned labels alone; where feedback on a label suffices, that decides.

    Feedback that was too little to calibrate the fit has set no threshold either, and decides nothing.
    """
    given = fit.model.thresholds
    shares, tags = soft_labels.shares.numpy(), soft_labels.tags.numpy()
    named = None if soft_labels.named is None else soft_labels.named.numpy()
    earned = earned_thresholds(given, fit.probabilities, shares, tags, named)
    decided = feedback.enough(len(given), precision) & fit.metrics["calibrated"]
    return replace(fit, model=fit.model.with_thresholds(np.where(decided, given, earned)))


def earned_thresholds(
    thresholds: Floats,
    probabilities: Floats,
    shares: Floats,
    tags: Floats,
    named: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """The thresholds (L,), NEVER for a label that has not earned to be suggested.

    probabilities (N, L): of the pool. shares (N, L): the chance that a label is the one tagged, each image's
    own tag unseen, see `SoftLabels`. tags (N, L): above 0 for the labels tagged. named (L,): the labels whose
    names tell something: of these one tag is enough.

    Of the images with a label's tag, let h of m be among the c of N images that its held-out shares put
    first, where c is how many of the pool would be suggested the label. The label has earned it when the
    median of h / m's posterior, Beta(h, m - h + 1), is above c / N (Clopper and Pearson, 1934, give the lower
    bound at other levels in the same way). A label that is expected by its name has earned it as well when
    its tagged images stand so far ahead among all by its held-out shares that a name which says nothing would
    put them there with a chance below LEVEL: by the product of their ranks (Fisher, 1925).

    >>> shares = np.array([[0.9, 0.1], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
    >>> tags = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    >>> earned_thresholds(np.array([0.5, 0.5]), shares, shares, tags).tolist() == [0.5, np.float32(NEVER)]
    True
    """
    result = np.asarray(thresholds, dtype=np.float32).copy()
    tagged = tags > 0
    counts = tagged.sum(axis=0)
    suggested = (probabilities >= result).sum(axis=0)
    least = LEAST_TAGS if named is None else np.where(named, LEAST_NAMED_TAGS, LEAST_TAGS)
    enough = (counts >= least) & ((counts > 0).sum() >= LEAST_LABELS)
    result[~enough] = NEVER
    for label in np.flatnonzero(enough & (suggested > 0)):
        reach = suggested[label] / len(shares)
        first = np.partition(shares[:, label], -suggested[label])[-suggested[label]]
        hits = int((shares[tagged[:, label], label] >= first).sum())
        earned = hits > 0 and beta.median(hits, counts[label] - hits + 1) > reach
        if not earned and named is not None and named[label]:
            earned = _stand_ahead(shares[:, label], tagged[:, label])
        if not earned:
            result[label] = NEVER
    return result


def _stand_ahead(shares: Floats, tagged: NDArray[np.bool_]) -> bool:
    """Whether the tagged images (N,) come sooner by their shares (N,) than chance would have them."""
    ranks = 1 - np.searchsorted(np.sort(shares), shares[tagged]) / len(shares)
    return bool(chi2.sf(-2 * np.log(ranks).sum(), 2 * len(ranks)) < LEVEL)
