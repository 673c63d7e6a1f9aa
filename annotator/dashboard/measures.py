"""What labels are measured by: pure functions on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from annotator.dashboard.charts import Reliable
from annotator.store.shares import Share, Z
from annotator.store.vectors import reaches, stored_digits

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.floating]
    Values = npt.NDArray[np.int8]

BINS = 10
"""Of a reliability plot, equally wide."""


@dataclass(frozen=True)
class Interval:
    """A share with the ends of its 95 % interval, all 0..1."""

    value: float
    low: float
    high: float


def prevalence(values: Values, probabilities: Floats, images: int) -> list[Interval | None]:
    """Of how many images each label is true, by people's word where there is one, else as estimated.

    values, probabilities (n, L): of n images, by chance of `images`; see `LabelCells`. Only images that the
    label is estimated of are looked at: of the others too much is known of those where it is present. None
    where it is estimated of none, unless people know it of all. The interval is that of a mean over images,
    each present or not by its chance: it covers what chance does, and not that estimates may be wrong.

    >>> values, chances = np.array([[1], [0]], np.int8), np.array([[0.9], [0.5]], np.float32)
    >>> round(prevalence(values, chances, 2)[0].value, 2)
    0.75
    """
    chances = filled(values, probabilities)
    estimated = ~np.isnan(probabilities)
    return [
        _mean(chances[rows if rows.any() else slice(None), place], images)
        for place, rows in enumerate(estimated.T)
    ]


def _mean(chances: npt.NDArray[np.float64], images: int) -> Interval | None:
    """The mean of the chances (n,) of n images of `images`; None where one is unknown, or none is there."""
    if not len(chances) or np.isnan(chances).any():
        return None
    count, mean = len(chances), float(chances.mean())
    sampling = chances.var() / count * (1 - count / max(images, count))
    wide = Z * float(np.sqrt(sampling + (chances * (1 - chances)).mean() / count))
    return Interval(mean, max(0.0, mean - wide), min(1.0, mean + wide))


def filled(values: Values, probabilities: Floats) -> npt.NDArray[np.float64]:
    """The chance of each cell: 1 or 0 as people say, else the estimate; NaN where there is neither."""
    return np.where(values != 0, values > 0, probabilities).astype(np.float64)


def suggested(values: Values, probabilities: Floats, thresholds: Floats) -> npt.NDArray[np.int64]:
    """Of how many images (L,) nobody has said anything of a label whose estimate reaches its threshold."""
    return np.asarray(((values == 0) & reaches(probabilities, thresholds)).sum(axis=0), dtype=np.int64)


def shares_together(
    values: Values, probabilities: Floats
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of the images with label r, the share that has label c too: (L, L) by people, and as estimated.

    By people: of the images where r is known present and c is known at all; NaN where there is none.
    Estimated: over the images with estimates, people's word where there is one; NaN without.
    """
    present, known = (values > 0).astype(np.float64), (values != 0).astype(np.float64)
    by_people = _ratio(present.T @ present, present.T @ known)
    seen = ~np.isnan(probabilities).all(axis=1)
    chances = filled(values[seen], probabilities[seen])
    both = chances.T @ chances
    np.fill_diagonal(both, chances.sum(axis=0))
    return by_people, np.minimum(1.0, _ratio(both, chances.sum(axis=0)[:, None]))


def _ratio(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    result = np.full(part.shape, np.nan)
    np.divide(part, whole, out=result, where=np.broadcast_to(whole > 0, part.shape))
    return result


def average_precision(scores: Floats, present: npt.NDArray[np.bool_]) -> float | None:
    """Average precision, 0..1, of the scores (n,) of images that show a label or not; None where none does.

    Images of one score come together, as scikit-learn has it.

    >>> average_precision(np.array([0.9, 0.6, 0.2]), np.array([True, False, True])).__round__(2)
    0.83
    """
    if not present.any():
        return None
    order = np.argsort(-scores, kind="stable")
    ordered, hits = scores[order], present[order].cumsum()
    last = np.append(ordered[1:] != ordered[:-1], True)
    precisions = hits[last] / (np.flatnonzero(last) + 1)
    gained = np.diff(hits[last], prepend=0) / hits[-1]
    return float((precisions * gained).sum())


def reliability_points(said: Floats, right: npt.NDArray[np.bool_]) -> list[Reliable]:
    """The answers (m,) to what was said with a chance of `said`, in ten bins of equal width."""
    bins = np.minimum((np.asarray(said) * BINS).astype(int), BINS - 1)
    points = []
    for each in np.unique(bins).tolist():
        inside = bins == each
        share = Share(int(right[inside].sum()), int(inside.sum()))
        points.append(
            Reliable(float(said[inside].mean()), share.part / share.whole, share.whole, *share.interval)
        )
    return points


@dataclass(frozen=True)
class Step:
    """What a threshold would do.

    images: of which nobody has said anything and whose estimate reaches it. expected: their mean estimate,
    which is the share that is right where estimates mean what they say; None of none. answered: of earlier
    suggestions that reach it, those that were right.
    """

    threshold: float
    images: int
    expected: float | None
    answered: Share


def threshold_steps(
    probabilities: Floats, said: Floats, right: npt.NDArray[np.bool_], thresholds: Sequence[float]
) -> list[Step]:
    """What each threshold would do, by the estimates (n,) of unknown cells and the answers (m,) given."""
    ordered = -np.sort(-np.asarray(probabilities, dtype=np.float32))
    sums = np.concatenate([[0.0], ordered.cumsum(dtype=np.float64)])
    counts = np.searchsorted(-stored_digits(ordered), -stored_digits(thresholds), side="right")
    return [
        Step(
            threshold,
            count,
            sums[count] / count if count else None,
            Share(int(right[reached].sum()), int(reached.sum())),
        )
        for threshold, count in zip(thresholds, counts.tolist(), strict=True)
        for reached in [reaches(said, threshold)]
    ]
