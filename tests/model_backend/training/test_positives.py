"""k, the expected positives: which source counts, and how far tags alone give it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_backend.errors import LearningError
from model_backend.simulation.picks import single_positives
from model_backend.training.positives import (
    LEAST_TAGS,
    PRIOR,
    PRIOR_REVIEWS,
    expected_positives,
    positives_by_tags,
)


def test_a_prior_stands_when_nothing_is_known_and_is_at_most_half_the_labels() -> None:
    assert expected_positives(np.zeros((3, 9), np.int8)).value == PRIOR
    assert expected_positives(np.zeros((3, 2), np.int8)).value == 1
    assert expected_positives(np.zeros((3, 9), np.int8)).source == "prior"


def test_the_user_is_believed_until_reviews_say_otherwise() -> None:
    observed = np.zeros((100, 4), np.int8)
    assert expected_positives(observed, 3.0).value == 3.0
    observed[:50] = [1, -1, -1, -1]
    found = expected_positives(observed, 3.0)
    assert found.value == pytest.approx((50 + 3 * PRIOR_REVIEWS) / (50 + PRIOR_REVIEWS))
    assert (found.source, found.reviews) == ("reviews", 50)


@pytest.mark.parametrize("wrong", [0, -1, 5, float("nan")])
def test_a_number_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(LearningError, match="at most 4 labels"):
        expected_positives(np.zeros((3, 4), np.int8), wrong)


def planted(images: int, labels: int, k: int, seed: int = 0) -> tuple[Tensor, NDArray[np.int8]]:
    """Truth with k labels an image, one of them tagged, and the chances of a perfect model of the tag."""
    random = np.random.default_rng(seed)
    truth = (random.random((images, labels)).argsort(axis=1) < k).astype(np.int8)
    return torch.from_numpy(truth / k).float(), single_positives(truth, images, seed=seed)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_a_perfect_model_gives_k(k: int) -> None:
    chances, observed = planted(400, 12, k)
    found = positives_by_tags(chances, torch.from_numpy(observed > 0), PRIOR)
    assert found == pytest.approx(k, rel=0.02)


def test_a_model_that_is_too_sure_or_too_shy_is_calibrated_first() -> None:
    chances, observed = planted(400, 12, 3)
    for power in (0.5, 2.0):
        noisy = (chances + 0.02) ** power
        found = positives_by_tags(noisy / noisy.sum(1, keepdim=True), torch.from_numpy(observed > 0), PRIOR)
        assert found == pytest.approx(3, rel=0.15)


def test_a_model_that_knows_nothing_leaves_the_prior() -> None:
    _, observed = planted(400, 12, 4)
    nothing = torch.full((400, 12), 1 / 12)
    assert positives_by_tags(nothing, torch.from_numpy(observed > 0), PRIOR) == pytest.approx(PRIOR, rel=0.01)


def test_tags_of_one_label_alone_leave_the_prior() -> None:
    tags = torch.zeros(30, 4)
    tags[:, 2] = 1
    assert positives_by_tags(torch.full((30, 4), 0.25), tags, PRIOR) == PRIOR


def test_tags_speak_when_there_are_enough_and_the_user_has_not_spoken() -> None:
    chances, observed = planted(400, 12, 4)
    found = expected_positives(observed, None, chances)
    assert found.source == "tags"
    assert found.value == pytest.approx(4, rel=0.02)
    assert expected_positives(observed, 3.0, chances).source == "user"
    assert expected_positives(observed[: LEAST_TAGS - 1], None, chances[: LEAST_TAGS - 1]).source == "prior"


def test_reviews_correct_what_the_tags_say() -> None:
    chances, observed = planted(400, 12, 4)
    observed[:50] = -1
    observed[:50, :2] = 1
    found = expected_positives(observed, None, chances)
    assert found.value == pytest.approx((100 + 4 * PRIOR_REVIEWS) / (50 + PRIOR_REVIEWS), rel=0.02)
    assert (found.source, found.reviews) == ("reviews", 50)


def test_what_was_asked_by_name_does_not_count_as_labels_of_an_image() -> None:
    observed = np.array([[1, 0, 0, 0]] * 30, np.int8)
    without = expected_positives(observed, given=1.5)
    observed[:, 1:] = 1  # asked by name until all is known: chosen images, chosen labels
    asked = np.zeros(observed.shape, dtype=bool)
    asked[:, 1:] = True
    assert expected_positives(observed, given=1.5, asked=asked) == without
    assert expected_positives(observed, given=1.5).value > 3
