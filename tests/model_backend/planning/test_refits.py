"""Refits on parts of a record: scored on what they have not seen, by a mAP that knows weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_backend.errors import LearningError
from model_backend.planning import refits as module
from model_backend.planning.refits import SHARES, bootstrap_weights, refit, reviewed_rows, weighted_map
from model_backend.training import Pool, Recipe, fit, mean_average_precision
from model_backend.training.folds import folds
from tests.model_backend.training.conftest import plant

QUICK = Recipe(loss="an", epochs=2)


def reviewed_pool(reviews: int = 24, tags: int = 60) -> Pool:
    """Some images reviewed completely, and some tagged."""
    pool, truth = plant(images=140, labels=4, tagged=reviews + tags)
    observed = pool.observed.copy()
    first = np.flatnonzero((observed > 0).any(axis=1))[:reviews]
    observed[first] = np.where(truth[first] > 0, 1, -1)
    return Pool(pool.features, pool.blocks, observed)


@pytest.mark.parametrize("seed", range(3))
def test_a_weight_is_so_many_copies_of_an_image(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, truth = random.normal(size=(30, 4)), random.random((30, 4)) < 0.3
    weights = bootstrap_weights(30, 5, seed)
    assert (weights.sum(axis=1) == 30).all()
    found = weighted_map(scores, truth, weights, np.ones_like(truth))
    for drawn, value in zip(weights.astype(int), found, strict=True):
        copies = np.repeat(np.arange(30), drawn)
        assert value == pytest.approx(mean_average_precision(scores[copies], truth[copies]).mean)


def test_a_truth_without_a_positive_has_no_precision() -> None:
    nothing, everything = np.zeros((3, 2), bool), np.ones((3, 2), bool)
    assert np.isnan(weighted_map(np.ones((3, 2)), nothing, np.ones((1, 3)), everything)).all()


def test_what_a_review_does_not_tell_does_not_count() -> None:
    random = np.random.default_rng(0)
    scores, truth = random.normal(size=(20, 2)), random.random((20, 2)) < 0.4
    told = np.ones_like(truth)
    told[5:, 1] = False
    found = weighted_map(scores, truth, np.ones((1, 20)), told)[0]
    each = [mean_average_precision(scores[:n, [k]], truth[:n, [k]]).mean for k, n in ((0, 20), (1, 5))]
    assert found == pytest.approx(np.mean(each))


def test_images_of_which_all_labels_are_known_are_reviewed_ones() -> None:
    observed = np.array([[1, -1], [1, 0], [-1, -1], [1, 1]])
    assert reviewed_rows(Pool(np.eye(4, dtype=np.float32), (), observed)).tolist() == [0, 2, 3]
    told = np.array([[1, 1], [0, 0], [1, 1], [0, 0]], dtype=bool)
    covered = Pool(np.eye(4, dtype=np.float32), (), observed, covered=told)
    assert reviewed_rows(covered).tolist() == [0, 2], "the last one was tagged twice, not reviewed"


@pytest.mark.parametrize("as_tags", [False, True])
def test_no_refit_has_seen_what_it_is_scored_on(monkeypatch: pytest.MonkeyPatch, as_tags: bool) -> None:
    pool = reviewed_pool()
    reviewed = reviewed_rows(pool)
    learned: list[Pool] = []

    def watched(part: Pool, *arguments: Any, **options: Any) -> Any:
        learned.append(part)
        return fit(part, *arguments, **options)

    monkeypatch.setattr(module, "fit", watched)
    found = refit(pool, QUICK, as_tags=as_tags)
    assert found.scores.shape == (len(SHARES), 2, 24, 4)
    assert found.truth.tolist() == (pool.observed[reviewed] > 0).tolist()
    assert len(learned) == len(SHARES) * 2 * 5
    for part in learned:
        said = part.observed[reviewed]
        unseen = ~said.any(axis=1)
        assert unseen.sum() >= 4, "a fifth of the reviewed images is held out"
        if as_tags:
            assert (said >= 0).all()
            assert ((said > 0).sum(axis=1) <= 1).all()
            assert (pool.observed[reviewed][said > 0] > 0).all()
        else:
            assert (said[~unseen] == pool.observed[reviewed][~unseen]).all()
    # The largest learn from all answered images but a fold of the reviewed ones.
    largest = found.tags[-1, 0], found.complete[-1, 0]
    expected = (60 + 24 * 0.8, 0.0) if as_tags else (60.0, 24 * 0.8)
    assert largest == pytest.approx(expected, abs=0.01)


def test_the_largest_refits_score_as_cross_validation_by_hand_does() -> None:
    pool = reviewed_pool()
    found = refit(pool, QUICK, seed=3)
    reviewed = reviewed_rows(pool)
    by_hand = np.zeros((24, 4))
    for held, _ in folds(24, 3):
        observed = pool.observed.copy()
        observed[reviewed[held.numpy()]] = 0
        fitted = fit(Pool(pool.features, pool.blocks, observed), QUICK)
        by_hand[held.numpy()] = fitted.probabilities[reviewed[held.numpy()]]
    truth = pool.observed[reviewed] > 0
    score = mean_average_precision(found.scores[-1, 0], truth).mean
    assert score == pytest.approx(mean_average_precision(by_hand, truth).mean, abs=0.02)


def test_too_few_reviews_say_what_to_do() -> None:
    with pytest.raises(LearningError, match="19 images are reviewed completely; 20"):
        refit(reviewed_pool(reviews=19), QUICK)


def test_a_size_with_too_few_tags_is_left_out() -> None:
    found = refit(reviewed_pool(tags=10), QUICK)
    assert np.isnan(found.tags[0]).all()
    assert np.isfinite(found.answers()[-1])
    assert np.isnan(found.answers()[0])


def test_progress_is_told_and_ends_at_one() -> None:
    told: list[float] = []
    refit(reviewed_pool(), QUICK, progress=lambda _, done: told.append(done))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)
