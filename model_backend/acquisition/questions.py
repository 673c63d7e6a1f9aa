"""Which question to ask of which image: the one that is worth most for the seconds that it takes.

What an answer is worth, in one currency for all kinds of question: the squared residual that it is expected
to correct, each label by itself, divided by the answers that the label has already. A label that is asked by
name with the chance p turns out present with p, then the residual is 1 - p, or absent, then it is p. A tag
names one of the labels that are present, as likely as it is beside the others and as it is preferred, or a
label that nobody has named yet: how likely that is tell the labels that were named once (Good, Biometrika 40,
1953). A complete review tells all labels, those too.

The seconds are those of the answer and the price of the image. Label Studio gives an image to an annotator
once, so that a short question uses up what a longer one could have asked. A project is taken to go on for as
long as it has gone on, and the price is what each image that is left can then be given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from model_backend.acquisition.candidates import Candidates, Floats, Scores
from model_backend.acquisition.directions import leading_directions
from model_backend.acquisition.one_by_one import CHOSEN, in_order

Kind = Literal["tag", "yes_no", "check", "complete"]
TOGETHER = 16  # images chosen before what they are expected to answer is counted
SHORTLIST = 5_000  # images among which the first ones are chosen, drawn by chance where there are more
IMPLIED = 0.5  # of an absent label: what the tag of another label says
EDGE = 1e-4  # chances are read as at least this far from 0 and 1


@dataclass(frozen=True)
class Seconds:
    """What an answer takes, by kind; infinite where a kind is not to be asked.

    yes_no: for each label that is asked by name, alone or with others.
    """

    tag: float = 5.0
    yes_no: float = 0.9
    complete: float = 20.0

    def of(self, kind: Kind, named: int = 0) -> float:
        """The seconds of an answer of a kind, to a question that names so many labels."""
        if kind in ("yes_no", "check"):
            return self.yes_no * named
        return self.tag if kind == "tag" else self.complete


@dataclass(frozen=True, eq=False)
class Questions:
    """A question for each of N images: its kind, the columns of the labels that it names, and its priority.

    labels: one for "yes_no", some for "check", none otherwise. scores (N,): 0..1, high = ask first.
    """

    kinds: Sequence[Kind]
    labels: Sequence[tuple[int, ...]]
    scores: Scores


def choose_questions(
    candidates: Candidates,
    observed: NDArray[np.int8],
    seconds: Seconds,
    *,
    spent: float = 0.0,
    seed: int = 0,
) -> Questions:
    """The question that each image should be asked, and the order of the images.

    observed (N, L): what is known, +1 present, -1 absent, 0 unknown. spent: the seconds that the project has
    cost so far. The first images are drawn one by one, by how much their questions are worth and how unlike
    they are to those before them (k-means++, as BADGE draws them: Ash et al., ICLR 2020).

    >>> sure, unsure = [0.99, 0.01], [0.99, 0.5]
    >>> known = np.array([[1, -1], [1, -1], [0, 0], [0, 0]], np.int8)
    >>> chances = np.array([sure, sure, sure, unsure], np.float32)
    >>> answered = np.array([True, True, False, False])
    >>> found = choose_questions(Candidates(chances, None, answered), known, Seconds())
    >>> found.kinds[3], found.labels[3], int(found.scores.argmax())
    ('yes_no', (1,), 3)
    """
    chances = candidates.chances.clip(EDGE, 1 - EDGE)
    points = _points(candidates, seed)
    free = candidates.free
    price = spent / max(int(free.sum()), 1)
    answers = _Answers.count(observed, candidates.preference)
    random = np.random.default_rng(seed)
    listed = np.flatnonzero(free)
    if len(listed) > SHORTLIST:
        listed = np.sort(random.choice(listed, SHORTLIST, replace=False))
    chosen: list[int] = []
    asked: dict[int, tuple[Kind, tuple[int, ...]]] = {}
    drawn = _Drawn(points[listed], random)
    while len(chosen) < min(CHOSEN, len(listed)):
        worth = _worth(chances[listed], answers, seconds, price)
        new = drawn.draw(worth, TOGETHER)
        if not new:
            break
        for place in new:
            row = int(listed[place])
            asked[row] = worth.question(place)
            answers = answers.expecting(chances[row], *asked[row])
            chosen.append(row)
    return _all_questions(_worth(chances, answers, seconds, price), chosen, asked, free)


def _points(candidates: Candidates, seed: int) -> Floats:
    """What tells the images apart (N, D); without features, nothing does."""
    if candidates.features is None:
        return np.ones((candidates.images, 1), np.float32)
    return leading_directions(candidates.features, seed)


@dataclass(frozen=True, eq=False)
class _Answers:
    """How many images are known to show each label (L,), how many not to, and what tags imply of absence.

    preference (L,): how readily a label is tagged where it is there.
    """

    present: Scores
    absent: Scores
    unnamed: float
    """The chance that the next tag names a label that nobody has named."""
    preference: Scores

    @classmethod
    def count(cls, observed: NDArray[np.int8], preference: Scores | None) -> _Answers:
        present = (observed > 0).sum(axis=0).astype(np.float64)
        absent = (observed < 0).sum(axis=0) + IMPLIED * (present.sum() - present)
        once = float((present == 1).sum())
        unnamed = min(once / max(float(present.sum()), 1.0), 1.0) if (present == 0).any() else 0.0
        return cls(present, absent, unnamed, np.ones(len(present)) if preference is None else preference)

    def tag_shares(self, chances: Scores) -> Scores:
        """How likely a tag of an image with these chances (..., L) names each of its labels."""
        likely = chances * self.preference
        shares: Scores = likely / likely.sum(axis=-1, keepdims=True)
        return shares

    def expecting(self, chances: Scores, kind: Kind, labels: tuple[int, ...]) -> _Answers:
        """With the answer to one question more, of an image with these chances (L,), as it is expected."""
        present, absent = self.present.copy(), self.absent.copy()
        if kind == "tag":
            present += self.tag_shares(chances)
        else:
            which = list(labels) if labels else slice(None)
            present[which] += chances[which]
            absent[which] += 1 - chances[which]
        return replace(self, present=present, absent=absent)


@dataclass(frozen=True, eq=False)
class _Worth:
    """What each question is worth a second (N,), the best kind (N,), and by which labels (N, L).

    named (N,): how many of the most doubtful labels are best asked by name.
    """

    a_second: Scores
    kinds: NDArray[np.int64]
    by_label: Scores
    doubts: Scores
    named: NDArray[np.int64]

    def question(self, row: int) -> tuple[Kind, tuple[int, ...]]:
        """The best question of an image: its kind and the labels it names, the most doubtful first."""
        if self.kinds[row] != 1:
            return ("tag" if self.kinds[row] == 0 else "complete"), ()
        order = np.argsort(-self.doubts[row], kind="stable")[: self.named[row]]
        return ("yes_no" if len(order) == 1 else "check"), tuple(int(column) for column in order)


def _worth(chances: Scores, answers: _Answers, seconds: Seconds, price: float) -> _Worth:
    """What tags, labels by name and complete reviews are worth, of images with these chances (N, L)."""
    new, known = 1 / (answers.present + 1), 1 / (answers.absent + 1)
    doubts = chances * (1 - chances) * ((1 - chances) * new + chances * known)
    every = chances.sum(axis=1, keepdims=True)
    tags = (1 - answers.unnamed) * answers.tag_shares(chances) * (1 - chances) ** 2 * new
    best = -np.sort(-doubts, axis=1)
    asked = np.arange(1, doubts.shape[1] + 1)
    by_name = best.cumsum(axis=1) / (seconds.yes_no * asked + price)
    worth = np.stack(
        [
            (tags.sum(axis=1) + answers.unnamed) / (seconds.tag + price),
            by_name.max(axis=1),
            (doubts.sum(axis=1) + every[:, 0] * answers.unnamed) / (seconds.complete + price),
        ],
        axis=1,
    )
    kinds = worth.argmax(axis=1)
    by_label = np.where((kinds == 0)[:, None], tags, doubts)
    return _Worth(worth.max(axis=1), kinds, by_label, doubts, by_name.argmax(axis=1) + 1)


class _Drawn:
    """Images drawn one by one by the squared distance of what they would teach from those before."""

    def __init__(self, points: Floats, random: np.random.Generator) -> None:
        self._points, self._random = points, random
        self._sides = (points**2).sum(axis=1)
        self._left = np.ones(len(points), dtype=bool)

    def draw(self, worth: _Worth, count: int) -> list[int]:
        """So many images more; fewer where nothing that is left is worth anything."""
        length = worth.by_label.sum(axis=1, keepdims=True).clip(min=1e-12)
        lessons = np.sqrt(worth.by_label / length * worth.a_second[:, None]).astype(np.float32)
        squares = (lessons**2).sum(axis=1) * self._sides
        apart, drawn = squares.astype(np.float64), list[int]()
        while len(drawn) < count:
            weights = np.where(self._left, apart, 0.0)
            if not weights.any():
                break
            new = int(self._random.choice(len(weights), p=weights / weights.sum()))
            products = (lessons @ lessons[new]) * (self._points @ self._points[new])
            nearer = (squares + squares[new] - 2 * products).clip(min=0.0)
            apart = np.minimum(apart, nearer) if drawn else nearer.astype(np.float64)
            self._left[new] = False
            drawn.append(new)
        return drawn


def _all_questions(
    worth: _Worth,
    chosen: Sequence[int],
    asked: dict[int, tuple[Kind, tuple[int, ...]]],
    free: NDArray[np.bool_],
) -> Questions:
    """The chosen images with their questions, the others by what theirs are worth after those."""
    rows = range(len(free))
    questions = [asked.get(row) or (worth.question(row) if free[row] else ("tag", ())) for row in rows]
    scores = in_order(chosen, np.where(free, worth.a_second, 0.0))
    return Questions([kind for kind, _ in questions], [labels for _, labels in questions], scores)
