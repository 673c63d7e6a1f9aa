"""The first tags of real pictures, as an annotator meets their suggestions."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from benchmarks.data import Data
from benchmarks.suggestions import Step, first_useful, walk
from model_backend.backbones import load_backbone
from model_backend.demo.dataset import read_dataset
from model_backend.features import extract

REAL = Path(__file__).parents[4] / "shared" / "data"
IMAGES, SEEDS, PRECISION = 300, 5, 0.8
SETS = {"ucmerced": IMAGES, "coco18": 2000}  # a user's folder: in few pictures there is little to be found
LEAST_SEEDS = 3  # with suggestions, for a spread
TAGS = [1, 2, 5, 10, 20, 30, 45, 60]
FIRST = [10, 20, 25]

pytestmark = [
    pytest.mark.skipif(not REAL.exists(), reason="there are no real pictures beside the checkout"),
    pytest.mark.timeout(900),
]


@cache
def pictures(name: str) -> Data:
    """Pictures of a set, in an order drawn by lot."""
    dataset = read_dataset(REAL / name)
    dataset = dataset.subset(np.random.default_rng(0).permutation(len(dataset.files))[: SETS[name]])
    backbone = load_backbone("efficientnet_lite0")
    found = extract([(file.name, file.read_bytes) for file in dataset.files], backbone)
    expected = backbone.expected(found.features, dataset.labels)
    return Data(found.features, backbone.blocks, dataset.truth.astype(np.int8), expected)


@cache
def steps(name: str) -> list[list[Step]]:
    """The walk of every seed through some pictures of a set."""
    some = pictures(name).rows(np.arange(IMAGES))
    return [walk(some, TAGS, seed, PRECISION) for seed in range(SEEDS)]


@pytest.mark.parametrize("name", SETS)
def test_at_every_step_as_many_suggestions_are_right_as_was_asked_within_the_spread(name: str) -> None:
    for after in zip(*steps(name), strict=True):
        shares = [step.right / step.suggested for step in after if step.suggested]
        if len(shares) >= LEAST_SEEDS:
            spread = float(np.std(shares, ddof=1))
            assert np.mean(shares) >= PRECISION - spread, f"after {after[0].tags} tags: {shares}"


@pytest.mark.parametrize("name", SETS)
def test_after_one_tag_nothing_is_suggested(name: str) -> None:
    assert [seed[0].suggested for seed in steps(name)] == [0] * SEEDS


def test_everyday_photographs_bring_a_useful_suggestion_by_the_25th_tag() -> None:
    folder = pictures("coco18")
    assert all(first_useful(walk(folder, FIRST, seed, PRECISION)) for seed in range(SEEDS))


def test_suggestions_come_in_time() -> None:
    assert all(seed[-1].useful for seed in steps("ucmerced"))
