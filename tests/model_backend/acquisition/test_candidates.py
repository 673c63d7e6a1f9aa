"""What is handed to an acquisition is refused where it cannot be right."""

from __future__ import annotations

import numpy as np
import pytest

from model_backend.acquisition import Candidates
from model_backend.errors import LearningError

CHANCES = np.full((3, 2), 0.5, np.float32)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(bad: float) -> None:
    wrong = CHANCES.copy()
    wrong[1, 1] = bad
    with pytest.raises(LearningError, match="belief hold numbers that are not finite"):
        Candidates(CHANCES, belief=wrong)
    with pytest.raises(LearningError, match="mapped features hold numbers that are not finite"):
        Candidates(CHANCES, mapped=wrong)


def test_another_number_of_images_or_labels_is_refused() -> None:
    with pytest.raises(LearningError, match=r"belief have the shape \(3, 1\), not \(3, 2\)"):
        Candidates(CHANCES, belief=CHANCES[:, :1])
    with pytest.raises(LearningError, match=r"mapped features have the shape \(2, 2\), not \(3, 2\)"):
        Candidates(CHANCES, mapped=CHANCES[:2])


def test_images_are_told_apart_by_the_mapped_features_where_they_are_at_hand() -> None:
    features, mapped = np.zeros((3, 5), np.float32), np.ones((3, 4), np.float32)
    assert Candidates(CHANCES, features, mapped=mapped).seen is mapped
    assert Candidates(CHANCES, features).seen is features
    assert Candidates(CHANCES).seen is None
