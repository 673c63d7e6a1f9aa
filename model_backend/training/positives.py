"""k, the expected positives an image: from completed reviews, the user, the tags, or a fixed prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.training.covered import Cells, measured_cells
from model_backend.training.pool import Observations

PRIOR = 2.0  # labels an image, at most half of all; VOC has 1.5, NUS 1.9, COCO 2.9
PRIOR_REVIEWS = 5.0  # completed reviews that weigh as much as the k without them
LEAST_TAGS = 20
EXPLAINED_WELL = 0.4  # share of the tags' entropy, from which on the k of the tags counts alone
SHARPEST, FLATTEST = 0.25, 4.0  # temperatures


@dataclass(frozen=True)
class ExpectedPositives:
    """value: labels an image; source: reviews, user, tags or prior; reviews: completed images it rests on."""

    value: float
    source: str
    reviews: int


def expected_positives(
    observed: Observations,
    given: float | None = None,
    tag_shares: Tensor | None = None,
    covered: Cells | None = None,
    asked: Cells | None = None,
    drawn: Cells | None = None,
) -> ExpectedPositives:
    """k for observed (N, L): from images with every label observed, and from `given`, the user's number.

    tag_shares (N, L): the chance that a label is the one tagged, estimated without the image's own tag; used
    where the user gives no number, see `positives_by_tags`. Reviews are averaged with the number that holds
    without them as if that came from five reviews more, so that the first review does not decide alone.
    covered, asked (N, L) and drawn (N,): as `Pool` has them; what was asked by name counts nowhere, and of
    the reviews those that stand for all images, see `measured_cells`. A label that came after
    some reviews is counted by the others, and one that came after all of them as the average label of the
    number that holds without reviews.
    Raises LearningError for a given number outside (0, L].
    """
    labels = observed.shape[1]
    if given is not None and not 0 < given <= labels:
        raise LearningError(
            f"Expected positives must be above 0 and at most {labels} labels, not {given}.",
            "Give the number of labels that an image shows on average.",
        )
    if asked is not None:
        observed = np.where(asked, np.int8(0), observed)
    start, source = _without_reviews(observed, given, tag_shares)
    told = measured_cells(observed, covered, drawn)
    reviews = int(told.any(axis=1).sum())
    if not reviews:
        return ExpectedPositives(start, source, 0)
    by_label = told.sum(axis=0)
    present = ((observed > 0) & told).sum(axis=0) * (reviews / np.maximum(by_label, 1))
    counted = float(np.where(by_label > 0, present, start / labels * reviews).sum())
    value = (counted + PRIOR_REVIEWS * start) / (reviews + PRIOR_REVIEWS)
    return ExpectedPositives(float(np.clip(value, 0.1, labels)), "reviews", reviews)


def _without_reviews(
    observed: Observations, given: float | None, tag_shares: Tensor | None
) -> tuple[float, str]:
    if given is not None:
        return float(given), "user"
    prior = min(PRIOR, observed.shape[1] / 2)
    single = (observed > 0).sum(axis=1) == 1
    if tag_shares is None or single.sum() < LEAST_TAGS:
        return prior, "prior"
    rows = torch.from_numpy(np.flatnonzero(single))
    return positives_by_tags(tag_shares[rows], torch.from_numpy(observed[single]) > 0, prior), "tags"


def positives_by_tags(chances: Tensor, tags: Tensor, prior: float) -> float:
    """k from the chances (n, L) that a model gave to tags (n, L) it had not seen, one an image.

    Where every label that is present is as likely to be the tag, the right one cannot have a chance above
    1/k. So 1 / (mean chance of the tag), with the chances sharpened or flattened until they fit, is k for a
    model that knows the labels, and more than k for one that does not. It is therefore averaged with the
    prior, as logarithms, by the share of the tags' entropy that the model explains: from 40 % on it counts
    alone. Annotators who always tag the same kind of label can be predicted too well, and k comes out too
    small.
    """
    index = tags.float().argmax(dim=1, keepdim=True)
    logs = chances.clamp(min=1e-6).log()

    def surprise(temperature: float) -> float:
        return -float((logs / temperature).log_softmax(dim=1).gather(1, index).mean())

    found = minimize_scalar(surprise, bounds=(SHARPEST, FLATTEST), method="bounded")
    rates = tags.float().mean(dim=0)
    entropy = float(torch.special.entr(rates).sum())
    share = max(0.0, 1 - found.fun / entropy) if entropy > 0 else 0.0
    weight = min(1.0, (share / EXPLAINED_WELL) ** 2)
    chance = (logs / found.x).softmax(dim=1).gather(1, index).mean()
    return float(prior ** (1 - weight) * (1 / float(chance)) ** weight)
