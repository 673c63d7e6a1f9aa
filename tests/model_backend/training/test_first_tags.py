"""The first tags of real pictures, as an annotator meets their suggestions."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from benchmarks.data import Data
from benchmarks.suggestions import Step, first_useful, walk
from tests.real_pictures import RealPictures

IMAGES, SEEDS, PRECISION = 300, 5, 0.8
SETS = {"ucmerced": IMAGES, "coco18": 2000}  # a user's folder: in few pictures there is little to be found
LEAST_SEEDS = 3  # with suggestions, for a spread
TAGS = [1, 2, 5, 10, 20, 30, 45, 60]
FIRST = [10, 20, 25]

pytestmark = pytest.mark.timeout(900)

Pictures = Callable[[str], Data]
Steps = Callable[[str], list[list[Step]]]


@pytest.fixture(scope="module")
def pictures(real_pictures: Callable[[str, int], RealPictures]) -> Pictures:
    """The pictures of a set."""

    def of_a_set(name: str) -> Data:
        seen = real_pictures(name, SETS[name])
        expected = seen.backbone.expected(seen.features, seen.dataset.labels)
        return Data(seen.features, seen.backbone.blocks, seen.dataset.truth.astype(np.int8), expected)

    return of_a_set


@pytest.fixture(scope="module")
def steps(pictures: Pictures) -> Steps:
    """The walk of every seed through some pictures of a set."""

    @cache
    def of_a_set(name: str) -> list[list[Step]]:
        some = pictures(name).rows(np.arange(IMAGES))
        return [walk(some, TAGS, seed, PRECISION) for seed in range(SEEDS)]

    return of_a_set


@pytest.mark.parametrize("name", SETS)
def test_at_every_step_as_many_suggestions_are_right_as_was_asked_within_the_spread(
    steps: Steps, name: str
) -> None:
    for after in zip(*steps(name), strict=True):
        shares = [step.right / step.suggested for step in after if step.suggested]
        if len(shares) >= LEAST_SEEDS:
            spread = float(np.std(shares, ddof=1))
            assert np.mean(shares) >= PRECISION - spread, f"after {after[0].tags} tags: {shares}"


@pytest.mark.parametrize("name", SETS)
def test_after_one_tag_nothing_is_suggested(steps: Steps, name: str) -> None:
    assert [seed[0].suggested for seed in steps(name)] == [0] * SEEDS


def test_everyday_photographs_bring_a_useful_suggestion_by_the_25th_tag(pictures: Pictures) -> None:
    folder = pictures("coco18")
    assert all(first_useful(walk(folder, FIRST, seed, PRECISION)) for seed in range(SEEDS))


def test_suggestions_come_in_time(steps: Steps) -> None:
    assert all(seed[-1].useful for seed in steps("ucmerced"))
