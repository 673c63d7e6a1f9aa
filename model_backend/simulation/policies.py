"""The policies of asking that are compared: which image next, and which question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from math import inf

import numpy as np

from model_backend.acquisition import ACQUISITIONS, Candidates, priority
from model_backend.acquisition.drawn import with_drawn
from model_backend.acquisition.questions import Kind, Questions, choose_questions
from model_backend.errors import LearningError
from model_backend.registry import find
from model_backend.simulation.record import Record

Asked = tuple[int, Kind, tuple[int, ...]]
"""An image, the kind of question, and the columns of the labels that it names."""
Choose = Callable[[Candidates, Record, int], Questions]
MIXED, COMPLETE = "mixed", "complete"
FIRST = 10  # answers before the first training


@dataclass(frozen=True)
class Policy:
    """A way of asking: `choose(candidates, record, seed)` once there is a model, `first` before."""

    name: str
    description: str
    choose: Choose
    first: Kind = "tag"

    def questions(self, candidates: Candidates, record: Record, seed: int) -> Iterator[Asked]:
        """The images that hold no answer, in the order in which they are asked."""
        found = self.choose(candidates, record, seed)
        for row in np.argsort(-found.scores, kind="stable"):
            if candidates.free[row]:
                yield int(row), found.kinds[row], found.labels[row]

    def first_questions(self, images: int, seed: int) -> Iterator[Asked]:
        """The same before there is a model: any images."""
        for row in np.random.default_rng(seed).permutation(images):
            yield int(row), self.first, ()


def one_kind(kind: Kind, acquisition: str, candidates: Candidates, record: Record, seed: int) -> Questions:
    """One kind of question for all images, in the order of an acquisition, drawn anew each time."""
    scores = priority(acquisition, candidates, seed=seed + sum(record.answers.values()))
    count = candidates.images
    return Questions([kind] * count, [()] * count, scores.astype(np.float64))


def mixed(candidates: Candidates, record: Record, seed: int) -> Questions:
    """The product's: for each image the kind worth most a second, and some drawn to be marked whole."""
    found = choose_questions(candidates, record.observed, record.seconds, spent=record.spent, seed=seed)
    return with_drawn(found, candidates.free, record.chance, record.complete_share, seed=seed)


def yes_no(candidates: Candidates, record: Record, seed: int) -> Questions:
    """The same without the other kinds, one label an image."""
    alone = replace(record.seconds, tag=inf, complete=inf)
    return choose_questions(candidates, record.observed, alone, seed=seed)


POLICIES: dict[str, Policy] = {
    policy.name: policy
    for policy in (
        Policy(MIXED, "for each image the question that is worth most a second", mixed),
        Policy("tags", "one tag on images drawn at random", partial(one_kind, "tag", "random")),
        Policy(
            COMPLETE,
            "every label on images drawn at random",
            partial(one_kind, "complete", "random"),
            first="complete",
        ),
        Policy("yes/no", "is this one label there? after the first ten tags", yes_no),
        *(
            Policy(f"tags by {entry.name}", entry.description, partial(one_kind, "tag", entry.name))
            for entry in ACQUISITIONS.values()
            if entry.name != "random"
        ),
    )
}


def find_policy(name: str) -> Policy:
    """The policy of that name. Raises LearningError with the names there are."""
    return find(POLICIES, "policy", name)


def check_policies(names: list[str]) -> list[str]:
    """The names, each once. Raises LearningError for an unknown one, and where none is given."""
    if not names:
        raise LearningError("No policy is named.", f"Choose some of: {', '.join(POLICIES)}.")
    return list(dict.fromkeys(find_policy(name).name for name in names))
