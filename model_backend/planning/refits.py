"""Refits on parts of the record, each scored on completely reviewed images that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.progress import Progress, silent
from model_backend.training import DEFAULT_RECIPE, LabelModel, Pool, Recipe, fit
from model_backend.training.covered import covered_cells
from model_backend.training.folds import FOLDS, folds

SHARES = (1 / 8, 1 / 4, 1 / 2, 1.0)  # of the answered images
REPEATS = 2
LEAST_REVIEWS = 20
"""Completely reviewed images from which on they are scored on: the interval of fewer tells nothing."""
LEAST_TAGGED = 5  # images, of a refit


@dataclass(frozen=True, eq=False)
class Refits:
    """S sizes of R refits each, of which every one is split so that all m reviewed images are scored unseen.

    tags, complete: float (S, R), how many tagged and completely reviewed images the refits learned from, the
    mean over the splits; NaN where too few were tagged. scores: float32 (S, R, m, L). truth: bool (m, L).
    told: bool (m, L), which cells the reviews tell: not those of labels that came later.
    """

    tags: NDArray[np.float64]
    complete: NDArray[np.float64]
    scores: NDArray[np.float32]
    truth: NDArray[np.bool_]
    told: NDArray[np.bool_]

    def answers(self, worth: float = 1.0) -> NDArray[np.float64]:
        """(S,): what the refits of each size learned from, in tags, a complete image being worth so many."""
        return np.asarray((self.tags + worth * self.complete).mean(axis=1))

    def precisions(self, weights: NDArray[np.floating]) -> NDArray[np.float64]:
        """(S, R, B): the mAP in 0..1 of each refit, once for each weighing (B, m) of the reviewed images."""
        return np.array(
            [[weighted_map(each, self.truth, weights, self.told) for each in size] for size in self.scores]
        )


def reviewed_rows(pool: Pool) -> NDArray[np.int64]:
    """The rows of images that are reviewed completely."""
    return np.flatnonzero(covered_cells(pool.observed, pool.covered).any(axis=1))


def refit(
    pool: Pool,
    recipe: Recipe = DEFAULT_RECIPE,
    *,
    expected_positives: float | None = None,
    as_tags: bool = False,
    seed: int = 0,
    progress: Progress = silent,
) -> Refits:
    """Train on random shares of the answered images, and score those reviewed completely by five folds.

    as_tags: take one random positive of each reviewed image for all that is known of it, as a tag would have
    told. Raises LearningError below 20 reviewed images, or where none shows a label.
    """
    reviewed = reviewed_rows(pool)
    if len(reviewed) < LEAST_REVIEWS:
        raise LearningError(
            f"{len(reviewed)} images are reviewed completely; {LEAST_REVIEWS} tell what a model reaches.",
            "Mark all labels of some random images.",
        )
    record = _Record(pool, reviewed, np.random.default_rng(seed), as_tags=as_tags)
    scores = np.zeros((len(SHARES), REPEATS, len(reviewed), pool.labels), dtype=np.float32)
    tags, complete = (np.zeros((len(SHARES), REPEATS, min(FOLDS, len(reviewed)))) for _ in range(2))
    previous: LabelModel | None = None
    for done, (size, repeat, fold, held, part) in enumerate(record.parts(seed)):
        progress("refits", done / (scores.shape[0] * scores.shape[1] * tags.shape[2]))
        tags[size, repeat, fold], complete[size, repeat, fold] = record.counted(part)
        if len(part.tagged) < LEAST_TAGGED:
            tags[size, repeat, fold] = np.nan
            continue
        fitted = fit(part, recipe, expected_positives=expected_positives, previous=previous)
        previous = fitted.model
        scores[size, repeat, held] = fitted.probabilities[reviewed[held]]
    progress("refits", 1.0)
    told = covered_cells(pool.observed, pool.covered)[reviewed]
    return Refits(tags.mean(axis=2), complete.mean(axis=2), scores, pool.observed[reviewed] > 0, told)


class _Record:
    """The pool's observations, and parts of them."""

    def __init__(
        self, pool: Pool, reviewed: NDArray[np.int64], random: np.random.Generator, *, as_tags: bool
    ) -> None:
        self.pool, self.reviewed, self.random = pool, reviewed, random
        self.observed, self.covered = pool.observed.copy(), pool.covered
        if as_tags:
            self.covered = None
            for row in reviewed:
                present = np.flatnonzero(pool.observed[row] > 0)
                self.observed[row] = 0
                if len(present):
                    self.observed[row, random.choice(present)] = 1

    def parts(self, seed: int) -> Iterator[tuple[int, int, int, NDArray[np.int64], Pool]]:
        """(size, repeat, fold, places of the reviewed images held out, what is learned from)."""
        for repeat in range(REPEATS):
            for fold, (held, _) in enumerate(folds(len(self.reviewed), seed + repeat)):
                places = held.numpy()
                answered = (self.observed != 0).any(axis=1)
                answered[self.reviewed[places]] = False
                order = self.random.permutation(np.flatnonzero(answered))
                for size, share in enumerate(SHARES):
                    yield size, repeat, fold, places, self._part(order[: round(share * len(order))])

    def counted(self, part: Pool) -> tuple[int, int]:
        """How many tagged and how many completely reviewed images a part holds."""
        complete = covered_cells(part.observed, part.covered).any(axis=1) | (part.observed != 0).all(axis=1)
        return int(((part.observed > 0).any(axis=1) & ~complete).sum()), int(complete.sum())

    def _part(self, rows: NDArray[np.int64]) -> Pool:
        kept = np.zeros((self.pool.images, 1), dtype=np.bool_)
        kept[rows] = True
        covered = None if self.covered is None else self.covered & kept
        observed = np.where(kept, self.observed, 0).astype(np.int8)
        asked = None if self.pool.asked is None else self.pool.asked & kept
        return Pool(self.pool.features, self.pool.blocks, observed, self.pool.expected, covered, asked)


def weighted_map(
    scores: NDArray[np.floating],
    truth: NDArray[np.bool_],
    weights: NDArray[np.floating],
    told: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """(B,): the mAP in 0..1 of scores (m, L) against a truth (m, L), for each weighing (B, m) of the images.

    told (m, L): which cells count. A whole-numbered weight is that many copies of the image. Labels without a
    positive are left out; NaN where none has any.
    """
    each = np.full((len(weights), truth.shape[1]), np.nan)
    for label in range(truth.shape[1]):
        order = np.argsort(-scores[:, label], kind="stable")
        weighed = weights[:, order] * told[order, label]
        present = weighed * truth[order, label]
        found, shown = present.cumsum(axis=1), weighed.cumsum(axis=1)
        some = found[:, -1] > 0
        precision = np.divide(found, shown, out=np.zeros_like(found), where=shown > 0)
        each[some, label] = (present * precision).sum(axis=1)[some] / found[some, -1]
    counted = ~np.isnan(each)
    total, labels = np.where(counted, each, 0).sum(axis=1), counted.sum(axis=1)
    means = np.full(len(weights), np.nan)
    np.divide(total, labels, out=means, where=labels > 0)
    return means


def bootstrap_weights(images: int, draws: int, seed: int) -> NDArray[np.float64]:
    """(draws, images): how often each image is drawn when as many are drawn with replacement."""
    random = np.random.default_rng(seed)
    return random.multinomial(images, np.full(images, 1 / images), size=draws).astype(np.float64)
