"""DropQuery: what changes when features are left out, and the middles of groups of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from model_backend.acquisition import Candidates, priority
from model_backend.acquisition.candidates import Floats
from model_backend.acquisition.clusters import grouped
from model_backend.acquisition.dropout import GROUPS, LEFT_OUT, PASSES, SHARE, dropout_query

MakePool = Callable[..., Candidates]


def naive_changes(candidates: Candidates, seed: int) -> list[int]:
    """In how many labels at least two of three passes say otherwise, one image and label at a time."""
    assert candidates.mapped is not None
    assert candidates.predict is not None
    random, level = np.random.default_rng(seed), candidates.chances.mean(axis=0)
    passes = []
    for _ in range(PASSES):
        kept = random.random(candidates.mapped.shape, dtype=np.float32) >= LEFT_OUT
        passes.append(candidates.predict(np.where(kept, candidates.mapped * 4, 0).astype(np.float32)))
    return [
        sum(
            sum((each[row, label] > mean) != (candidates.chances[row, label] > mean) for each in passes) >= 2
            for label, mean in enumerate(level)
        )
        for row in range(candidates.images)
    ]


def test_the_first_are_among_the_half_that_changes_most(make_pool: MakePool) -> None:
    candidates = make_pool(images=300, labels=6)
    changes = np.array(naive_changes(candidates, 5))
    first = np.flatnonzero(dropout_query(candidates, 5) >= 0.5)
    least = np.sort(changes[candidates.free])[-int(SHARE * candidates.free.sum())]
    assert candidates.free[first].all()
    assert changes[first].min() >= max(least, 1)


def test_they_are_the_images_in_the_middle_of_the_groups_of_what_changes(make_pool: MakePool) -> None:
    candidates, seed = make_pool(images=400, labels=6), 2
    assert candidates.mapped is not None
    scores = dropout_query(candidates, seed)
    chosen = np.argsort(-scores)[: int((scores > 0.5).sum())]
    changes = np.array(naive_changes(candidates, seed))
    assert GROUPS[1] - 8 <= len(chosen) <= sum(GROUPS) < (changes[candidates.free] > 0).sum()
    points = candidates.mapped[candidates.free] - candidates.mapped.mean(axis=0)
    groups = grouped(points, 8, seed)
    asked = np.isin(np.flatnonzero(candidates.free), chosen)
    assert len(set(groups[asked].tolist())) == 8, "all over the features"


def test_a_model_that_does_not_look_at_the_features_never_changes(make_pool: MakePool) -> None:
    candidates = make_pool(images=50)

    def constant(mapped: Floats) -> Floats:
        return np.tile(np.linspace(0, 1, 4, dtype=np.float32), (len(mapped), 1))

    assert candidates.mapped is not None
    scores = dropout_query(
        replace(candidates, probabilities=constant(candidates.mapped), predict=constant), 0
    )
    assert candidates.free[scores > 0].all()
    assert set(scores[~candidates.free].tolist()) == {0.0}


def test_without_a_model_it_is_by_how_unsure_the_labels_are(make_pool: MakePool) -> None:
    candidates = make_pool()
    chances = candidates.chances
    expected = 2 * (chances * (1 - chances)).mean(axis=1)
    for lacking in (replace(candidates, predict=None), replace(candidates, mapped=None)):
        assert priority("dropout", lacking) == pytest.approx(expected, abs=1e-6)
