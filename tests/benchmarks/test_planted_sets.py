"""Planted sets of images: what makes each kind what it is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from benchmarks.planted_sets import IMAGES, PLANTED_SETS, planted_set


def agreement(name: str) -> float:
    """How much likelier a label is on the ten nearest images of one that shows it than on any image."""
    features, truth = planted_set(name)
    near = NearestNeighbors(n_neighbors=11).fit(features).kneighbors(features[:300], return_distance=False)
    found = np.stack([truth[rows[1:]].mean(axis=0) for rows in near])
    shown = truth[:300] > 0
    return float((found[shown] / np.tile(truth.mean(axis=0), (300, 1))[shown]).mean())


@pytest.mark.parametrize("name", PLANTED_SETS)
def test_a_set_is_the_same_each_time_and_every_image_shows_something(name: str) -> None:
    features, truth = planted_set(name)
    again, _ = planted_set(f"planted:{name}")
    assert np.array_equal(features, again)
    assert len(truth) == IMAGES
    assert (truth.sum(axis=1) > 0).all()


def test_neighbours_tell_less_in_the_unrelated_set_than_in_the_others() -> None:
    assert agreement("unrelated") < 1.7
    assert agreement("correlated") > 1.85
    assert agreement("rare") > 1.85


def test_labels_of_a_group_are_present_together() -> None:
    _, truth = planted_set("correlated")
    together = np.corrcoef(truth.T)
    assert together[0, 1] > 0.4
    assert abs(together[0, -1]) < 0.1


def test_rare_labels_are_on_few_images() -> None:
    shares = planted_set("rare")[1].mean(axis=0)
    assert shares[0] > 0.35
    assert 0.01 < shares[-1] < 0.03


def test_a_kind_that_there_is_not_names_those_that_there_are() -> None:
    with pytest.raises(SystemExit, match="correlated"):
        planted_set("planted:nothing")
