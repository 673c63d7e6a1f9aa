"""One simulated project: a policy asks, an annotator answers, and what is learned is scored by the second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.questions import Seconds
from model_backend.simulation.annotator import Annotator, Habits
from model_backend.simulation.picks import Weights
from model_backend.simulation.policies import FIRST, Asked, find_policy
from model_backend.simulation.record import Record
from model_backend.training import Pool, Recipe, fit, mean_average_precision
from model_backend.training.model import LabelModel
from model_backend.training.pool import Floats

DRAWN_SEED = 3  # beside the seed of the tags: the same tags are picked, whichever images are drawn


@dataclass(frozen=True, eq=False)
class Images:
    """features (N, F) with their blocks, truth (N, L) int8, and what the labels' names let expect (N, L).

    areas (N, L): how much of an image each label covers, in any unit; None where no boxes tell it.
    """

    features: Floats
    blocks: tuple[int, ...]
    truth: NDArray[np.int8]
    expected: Floats | None = None
    areas: Weights | None = None

    def save(self, file: Path) -> None:
        """Write them as .npz."""
        arrays: dict[str, Any] = {"features": self.features, "blocks": self.blocks, "truth": self.truth}
        arrays |= {
            name: found for name in ("expected", "areas") if (found := getattr(self, name)) is not None
        }
        np.savez(file, **arrays)

    @classmethod
    def load(cls, file: Path) -> Images:
        """Read what `save` wrote."""
        with np.load(file) as arrays:
            blocks = tuple(arrays["blocks"].tolist())
            optional = arrays.get("expected"), arrays.get("areas")
            return cls(arrays["features"], blocks, arrays["truth"], *optional)


@dataclass(frozen=True)
class Setup:
    """What all runs of a simulation share. budgets: the seconds after which it is trained and scored.

    complete_share: of the images, drawn by chance, that the mixed policy wants marked completely.
    """

    budgets: tuple[float, ...]
    seconds: Seconds
    habits: Habits
    complete_share: float = 0.0


@dataclass(frozen=True)
class Point:
    """What a policy has taught after some seconds: the mAP (0..1) on held-out images, and the answers."""

    policy: str
    seed: int
    budget: float
    spent: float
    mean_average_precision: float
    tag: int
    yes_no: int
    check: int
    complete: int


def run(policy: str, learn: Images, score: Images, setup: Setup, seed: int) -> list[Point]:
    """Ask until each budget is spent, or no image is left; train and score there.

    The policy may look at the images to learn from, never at those to score on. An image is asked once.
    """
    way = find_policy(policy)
    annotator = Annotator(learn.truth, setup.habits, seed, learn.areas)
    record = Record(
        learn.features,
        learn.blocks,
        learn.expected,
        learn.truth.shape[1],
        seconds=setup.seconds,
        chance=np.random.default_rng([seed, DRAWN_SEED]).random(len(learn.truth)),
        complete_share=setup.complete_share,
    )
    for asked in _at_most(way.first_questions(len(learn.truth), seed), FIRST):
        _ask(record, annotator, asked)
    fitted = record.train(seed)
    points = []
    for budget in setup.budgets:
        before = record.spent
        for asked in way.questions(record.candidates(fitted), record, seed):
            if record.spent >= budget:
                break
            _ask(record, annotator, asked)
        if record.spent > before:
            fitted = record.train(seed)
        points.append(
            Point(policy, seed, budget, record.spent, _score(fitted.model, score), **record.answers)
        )
    return points


def full_score(learn: Images, score: Images, seed: int) -> float:
    """The mAP (0..1) of a model that knows every label of every image."""
    observed = np.where(learn.truth > 0, 1, -1).astype(np.int8)
    pool = Pool(learn.features, learn.blocks, observed, expected=learn.expected)
    return _score(fit(pool, Recipe(seed=seed)).model, score)


def _ask(record: Record, annotator: Annotator, asked: Asked) -> None:
    row, kind, labels = asked
    record.add(row, kind, annotator.answer(row, kind, labels), len(labels))


def _at_most(questions: Iterator[Asked], count: int) -> Sequence[Asked]:
    return [asked for _, asked in zip(range(count), questions, strict=False)]


def _score(model: LabelModel, images: Images) -> float:
    return float(mean_average_precision(model.predict(images.features), images.truth).mean)
