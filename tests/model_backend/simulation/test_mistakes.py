"""A mistake takes a label that is there for one that is not."""

from __future__ import annotations

import numpy as np

from model_backend.simulation.mistakes import seen_labels, taken_for

TRUTH = np.random.default_rng(0).integers(0, 2, (1_000, 8)) | np.eye(8, dtype=int)[np.arange(1_000) % 8]
FIRST = TRUTH.argmax(axis=1)


def test_as_many_labels_are_seen_as_are_there() -> None:
    taken = taken_for(TRUTH, FIRST, 0.3, np.random.default_rng(1))
    seen = seen_labels(TRUTH, taken)
    assert (seen.sum(axis=1) == TRUTH.sum(axis=1)).all()
    assert ((seen & (TRUTH == 0)).sum(axis=1) == (~seen & (TRUTH > 0)).sum(axis=1)).all()


def test_without_mistakes_the_truth_is_seen() -> None:
    taken = taken_for(TRUTH, FIRST, 0.0, np.random.default_rng(1))
    assert np.array_equal(seen_labels(TRUTH, taken), TRUTH > 0)


def test_any_absent_label_is_as_likely() -> None:
    truth = np.tile([[1, 0, 0, 0, 0]], (4_000, 1))
    taken = taken_for(truth, np.zeros(4_000, dtype=int), 0.5, np.random.default_rng(2))[:, 0]
    counts = np.bincount(taken, minlength=5)
    assert counts[0] == 2_000
    assert (abs(counts[1:] - 500) < 80).all()


def test_where_too_few_are_absent_the_others_are_taken_for_themselves() -> None:
    truth = np.tile([[1, 1, 1, 0]], (50, 1))
    taken = taken_for(truth, np.zeros(50, dtype=int), 1.0, np.random.default_rng(3))
    assert ((taken[:, :3] == 3).sum(axis=1) == 1).all()
    assert (seen_labels(truth, taken).sum(axis=1) == 3).all()
