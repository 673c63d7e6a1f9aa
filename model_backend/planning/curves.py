"""Learning curves: the error falls as a power of the number of answers, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_backend.planning.refits import Refits, bootstrap_weights

POWERS = np.linspace(0.1, 1.5, 29)
"""Of learning curves of classifiers; Hestness et al. 2017 (arXiv 1712.00409) find 0.07 to 0.35 at large
scale, where tags are few they fall faster."""
DRAWS = 200
REACH = 2.0
"""How far beyond what was answered a curve is believed: to twice as much."""


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = floor + scale * n ** -power, none of them negative."""

    floor: float
    scale: float
    power: float

    def __call__(self, answers: float) -> float:
        """The error after so many answers.

        >>> PowerLaw(floor=0.1, scale=1.0, power=0.5)(100)
        0.2
        """
        return float(self.floor + self.scale * answers**-self.power)

    def answers(self, error: float) -> float:
        """After how many answers it reaches an error; infinite where it never does."""
        if error <= self.floor or self.scale <= 0:
            return np.inf if error < self(1e12) else 1.0
        return float(((error - self.floor) / self.scale) ** (-1 / self.power))


def fit_power_law(answers: NDArray[np.floating], errors: NDArray[np.floating]) -> PowerLaw:
    """The power law nearest to errors (S,) after so many answers (S,), by least squares.

    >>> law = fit_power_law(np.array([10.0, 100, 1000]), 0.1 + np.array([10.0, 100, 1000]) ** -0.5)
    >>> round(law.floor, 3), round(law.scale, 3), round(law.power, 3)
    (0.1, 1.0, 0.5)
    """
    best = PowerLaw(float(errors.mean()), 0.0, 1.0)
    nearest = _distance(best, answers, errors)
    for power in POWERS.tolist():
        falling = answers**-power
        spread = falling - falling.mean()
        scale = max(0.0, float(spread @ errors) / float(spread @ spread))
        floor = float(errors.mean()) - scale * float(falling.mean())
        if floor < 0:  # then the best one is through nought
            floor, scale = 0.0, float(falling @ errors) / float(falling @ falling)
        law = PowerLaw(floor, scale, power)
        distance = _distance(law, answers, errors)
        if distance < nearest - 1e-12:
            best, nearest = law, distance
    return best


def _distance(law: PowerLaw, answers: NDArray[np.floating], errors: NDArray[np.floating]) -> float:
    return float(sum((law(n) - error) ** 2 for n, error in zip(answers, errors, strict=True)))


@dataclass(frozen=True, eq=False)
class Forecast:
    """What a record reached and would reach, by its curve and those of B draws of its reviewed images.

    answers: in tags, of the whole record. law: the curve. draws: the curves of the draws.
    measured, spread: mAP in 0..1 of the largest refits, and its standard deviation over the draws.
    """

    answers: float
    law: PowerLaw
    draws: tuple[PowerLaw, ...]
    measured: float
    spread: float

    def reached(self, further: float = 0.0) -> tuple[float, float]:
        """mAP in 0..1 after so many further answers, in tags, and its standard deviation."""
        at = self.answers + further
        return 1 - self.law(at), float(np.std([law(at) for law in self.draws]))

    def gain(self, further: float) -> tuple[float, float]:
        """How much mAP so many further answers bring, and the standard deviation of that."""
        before, after = self.answers, self.answers + further
        gains = [law(before) - law(after) for law in self.draws]
        return self.law(before) - self.law(after), float(np.std(gains))


def forecast(refits: Refits, answers: float, worth: float, *, seed: int = 0) -> Forecast | None:
    """The curve through the refits, and those of draws of images and of refits of each size.

    answers: of the whole record, in tags; worth: of a complete image, in tags. None where fewer than three
    sizes had enough tags.
    """
    counts = refits.answers(worth)
    used = np.isfinite(counts)
    if used.sum() < 3:
        return None
    counts = counts[used]
    images = len(refits.truth)
    plain = refits.precisions(np.ones((1, images)))[used, :, 0]
    drawn = refits.precisions(bootstrap_weights(images, DRAWS, seed))[used]
    which = np.random.default_rng(seed + 1).integers(plain.shape[1], size=(len(counts), DRAWS))
    errors = 1 - np.take_along_axis(drawn, which[:, None, :], axis=1)[:, 0]
    laws = [fit_power_law(counts, each) for each in errors.T if np.isfinite(each).all()]
    return Forecast(
        answers=answers,
        law=fit_power_law(counts, 1 - plain.mean(axis=1)),
        draws=tuple(laws),
        measured=float(plain[-1].mean()),
        spread=float(np.nanstd(drawn[-1].mean(axis=0))),
    )
