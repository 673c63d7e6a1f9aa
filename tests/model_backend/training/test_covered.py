"""A label that comes later leaves older complete reviews complete for the labels that there were."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_backend.errors import LearningError
from model_backend.estimators.graph import neighbour_graph
from model_backend.training import Pool, fit
from model_backend.training.covered import LEAST_DRAWN, covered_cells, measured_cells
from model_backend.training.positives import PRIOR_REVIEWS, expected_positives
from model_backend.training.propensity import propensity_from_reviews
from model_backend.training.reviews import read_reviews

REVIEWS = 60


def pool_with_reviews(labels: int = 3) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """200 images, of which the first 60 are reviewed completely and 100 others tagged."""
    random = np.random.default_rng(0)
    features = random.normal(size=(200, 8)).astype(np.float32)
    truth = np.where(features[:, :labels] > 0.3, 1, -1).astype(np.int8)
    observed = np.zeros_like(truth)
    observed[:REVIEWS] = truth[:REVIEWS]
    for row in range(REVIEWS, 160):
        present = np.flatnonzero(truth[row] > 0)
        if len(present):
            observed[row, random.choice(present)] = 1
    return features, observed


def with_late_label(observed: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """The same with a fourth label that came after all reviews; one reviewed image was tagged with it."""
    late = np.zeros((len(observed), 1), np.int8)
    late[0] = late[170] = 1
    more = np.hstack([observed, late])
    covered = np.zeros(more.shape, bool)
    covered[:REVIEWS, :-1] = True
    return more, covered


def whole(observed: NDArray[np.int8]) -> NDArray[np.bool_]:
    """What `covered` says where no label came late."""
    return np.repeat((observed != 0).all(axis=1)[:, None], observed.shape[1], axis=1)


def test_without_late_labels_every_figure_is_the_same_to_the_bit() -> None:
    _, observed = pool_with_reviews()
    told = whole(observed)
    assert expected_positives(observed) == expected_positives(observed, covered=told)
    plain, by_label = propensity_from_reviews(observed), propensity_from_reviews(observed, told)
    assert plain is not None
    assert by_label is not None
    assert plain.tobytes() == by_label.tobytes()


def test_expected_positives_still_rest_on_the_older_reviews() -> None:
    _, observed = pool_with_reviews()
    before = expected_positives(observed, 1.5)
    more, covered = with_late_label(observed)
    assert expected_positives(more, 1.5).reviews == 1, "by the matrix alone, one image knows all labels"
    after = expected_positives(more, 1.5, covered=covered)
    assert after.reviews == before.reviews == REVIEWS
    known = (observed[:REVIEWS] > 0).sum()
    late = 1.5 / 4 * REVIEWS  # as the average label, for no review tells it
    expected = (known + late + PRIOR_REVIEWS * 1.5) / (REVIEWS + PRIOR_REVIEWS)
    assert after.value == pytest.approx(expected)


def test_a_late_label_is_counted_by_the_reviews_that_came_after_it() -> None:
    observed = np.zeros((40, 2), np.int8)
    observed[:20] = [1, 0]
    observed[20:30], observed[30:] = [1, 1], [1, -1]
    covered = np.ones((40, 2), bool)
    covered[:20, 1] = False
    found = expected_positives(observed, 1.0, covered=covered)
    assert found.value == pytest.approx((40 + 20 + PRIOR_REVIEWS) / (40 + PRIOR_REVIEWS))


def test_propensities_still_rest_on_the_older_reviews() -> None:
    _, observed = pool_with_reviews()
    before = propensity_from_reviews(observed)
    more, covered = with_late_label(observed)
    assert propensity_from_reviews(more) is None, "what happened before"
    after = propensity_from_reviews(more, covered)
    assert before is not None
    assert after is not None
    assert after[:3] == pytest.approx(before, rel=0.02)  # the late tag is one tagged image more
    assert before.min() <= after[3] <= before.max(), "neither preferred nor left out, as far as is known"


def test_what_reviews_say_of_the_older_labels_stays() -> None:
    features, observed = pool_with_reviews()
    mapped = torch.from_numpy(features)
    graph = neighbour_graph(mapped, 10)
    read = read_reviews(mapped, torch.from_numpy(observed), graph, seed=0)
    more, covered = with_late_label(observed)
    late = read_reviews(mapped, torch.from_numpy(more), graph, covered, seed=0)
    assert read is not None
    assert late is not None
    assert torch.allclose(late.linear[:, :3], read.linear, atol=0.02)
    assert torch.allclose(late.near[:, :3], read.near, atol=0.02)
    targets = torch.full((200, 4), 0.25)
    after = late.weighed(targets)
    assert after.trust[:3].tolist() == pytest.approx([float(after.trust[0])] * 3)
    assert after.trust[0] > 0.1
    assert after.trust[3] == 0
    assert torch.equal(after.mixed(targets)[:, 3], targets[:, 3]), "of the late label they say nothing"


def test_a_pool_with_a_late_label_is_fitted_with_the_older_reviews() -> None:
    features, observed = pool_with_reviews()
    more, covered = with_late_label(observed)
    fitted = fit(Pool(features, (), more, covered=covered))
    assert fitted.metrics["expected_positives_source"] == "reviews"
    assert fitted.probabilities.shape == (200, 4)


def test_nothing_unknown_is_covered_and_other_shapes_are_refused() -> None:
    features, observed = pool_with_reviews()
    pool = Pool(features, (), observed, covered=np.ones(observed.shape, bool))
    assert pool.covered is not None
    assert not pool.covered[observed == 0].any()
    with pytest.raises(LearningError, match="covered"):
        Pool(features, (), observed, covered=np.ones((2, 2), bool))


def test_the_tag_of_an_only_label_is_no_review() -> None:
    assert not covered_cells(np.ones((4, 1), np.int8)).any()


def test_reviews_of_images_drawn_by_chance_stand_for_all_images_once_there_are_enough() -> None:
    _, observed = pool_with_reviews()
    observed[LEAST_DRAWN:REVIEWS] = 1  # chosen, since they show every label
    few, enough = (np.arange(len(observed)) < count for count in (LEAST_DRAWN - 1, LEAST_DRAWN))
    assert measured_cells(observed, None, few).any(axis=1).sum() == REVIEWS
    assert np.flatnonzero(measured_cells(observed, None, enough).any(axis=1)).tolist() == list(range(20))
    by_all, by_chance = (expected_positives(observed, drawn=each) for each in (few, enough))
    assert (by_all.reviews, by_chance.reviews) == (REVIEWS, LEAST_DRAWN)
    alone = expected_positives(np.where(enough[:, None] | (np.arange(200) >= REVIEWS)[:, None], observed, 0))
    assert by_chance.value == pytest.approx(alone.value)
    assert by_all.value > by_chance.value + 0.5
    rates = propensity_from_reviews(observed, drawn=enough)
    assert rates is not None
    tagged = observed[REVIEWS:160]
    share = (observed[:LEAST_DRAWN] > 0).sum(axis=0) + 0.5
    expected = (tagged > 0).sum(axis=0) / (tagged > 0).any(axis=1).sum() / (share / (LEAST_DRAWN + 1))
    assert rates == pytest.approx(expected.clip(max=1))


def test_labels_asked_by_name_are_no_tags() -> None:
    _, observed = pool_with_reviews()
    more = observed.copy()
    asked = np.zeros(more.shape, bool)
    more[170:200, 2] = 1
    asked[170:200, 2] = True
    alone, beside = propensity_from_reviews(observed), propensity_from_reviews(more, asked=asked)
    assert alone is not None
    assert beside is not None
    assert (alone == beside).all()
