"""What an acquisition is told of a training."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from model_backend.training import Pool, Recipe, candidates_of, fit

RANDOM = np.random.default_rng(0)
TRUTH = RANDOM.integers(0, 2, (80, 4))
FEATURES = (TRUTH + 0.2 * RANDOM.normal(size=TRUTH.shape)).astype(np.float32)


def tags(count: int) -> NDArray[np.int8]:
    observed = np.zeros(TRUTH.shape, np.int8)
    for row in np.flatnonzero(TRUTH.any(axis=1))[:count]:
        observed[row, RANDOM.choice(np.flatnonzero(TRUTH[row]))] = 1
    return observed


def test_predicting_the_mapped_pool_gives_its_probabilities() -> None:
    observed = tags(40)
    candidates = candidates_of(fit(Pool(FEATURES, (), observed)), FEATURES, observed)
    assert candidates.mapped is not None
    assert candidates.predict is not None
    assert candidates.predict(candidates.mapped) == pytest.approx(candidates.probabilities, abs=1e-6)


def test_the_belief_of_the_default_is_its_soft_labels_with_what_is_known() -> None:
    observed = tags(40)
    observed[70] = np.where(TRUTH[70] > 0, 1, -1)
    fitted = fit(Pool(FEATURES, (), observed))
    assert fitted.belief is not None
    assert (fitted.belief[observed > 0] == 1).all()
    assert (fitted.belief[observed < 0] == 0).all()
    unknown = fitted.belief[observed == 0]
    assert ((unknown >= 0) & (unknown <= 1)).all()
    assert not np.allclose(fitted.belief, fitted.probabilities, atol=0.01), "no copy of the heads' word"


def test_the_belief_beside_another_loss_is_the_estimators() -> None:
    observed = tags(40)
    fitted = fit(Pool(FEATURES, (), observed), Recipe(loss="role", estimator="matrix"))
    assert fitted.belief is not None
    assert fitted.belief[observed > 0].mean() > 0.9
    alone = fit(Pool(FEATURES, (), observed), Recipe(loss="an"), expected_positives=2.0)
    assert alone.belief is None


def test_how_many_labels_of_an_image_are_known_is_not_told() -> None:
    observed = tags(40)
    fitted = fit(Pool(FEATURES, (), observed))
    more = np.where((observed != 0).any(axis=1, keepdims=True), 1, observed).astype(np.int8)
    one, other = (candidates_of(fitted, FEATURES, known) for known in (observed, more))
    assert one.answered is not None
    assert other.answered is not None
    assert one.answered.tolist() == other.answered.tolist()
    for name in ("probabilities", "features", "thresholds", "expected_positives", "belief", "mapped"):
        assert getattr(one, name) is getattr(other, name)
