"""Mixtures of reviews and tags."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulate import Mixture
from model_backend.simulation.picks import single_positives

TRUTH = np.tile(np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]], np.int8), (2000, 1))


def test_a_mixture_reviews_some_images_and_tags_others() -> None:
    observed = Mixture.read("300+500").observe(TRUTH, seed=1)
    reviewed = (observed != 0).all(axis=1)
    assert (np.where(observed[reviewed] > 0, 1, 0) == TRUTH[reviewed]).all()
    assert (reviewed.sum(), (observed[~reviewed] > 0).sum(), (observed[~reviewed] < 0).sum()) == (300, 500, 0)
    assert (single_positives(TRUTH, 300, seed=1)[reviewed] == 1).any(axis=1).all()


@pytest.mark.parametrize("text", ["500", "1+2"])
def test_a_mixture_is_written_as_it_is_read(text: str) -> None:
    assert str(Mixture.read(text)) == text


@pytest.mark.parametrize("text", ["", "many", "1+2+3", "+"])
def test_what_is_no_mixture_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        Mixture.read(text)


def test_reviews_are_right_whatever_the_mistakes() -> None:
    truth = np.random.default_rng(0).integers(0, 2, (200, 6))
    truth[:, 0] = 1
    observed = Mixture(50, 50).observe(truth, seed=0, mistakes=1.0)
    reviewed = (observed != 0).all(axis=1)
    assert reviewed.sum() == 50
    assert np.array_equal(observed[reviewed] > 0, truth[reviewed] > 0)
