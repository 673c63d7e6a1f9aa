"""The walk through the first tags: what it counts."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.data import Data
from benchmarks.suggestions import Step, first_useful, table, walk


@pytest.fixture
def data() -> Data:
    """Images whose labels can be seen in their features."""
    random = np.random.default_rng(0)
    truth = (random.random((150, 4)) < 0.4).astype(np.int8)
    truth[truth.sum(axis=1) == 0, 0] = 1
    features = (truth + 0.2 * random.normal(size=truth.shape)).astype(np.float32)
    return Data(features, (4,), truth)


def test_nothing_is_suggested_at_first_and_most_is_right_later(data: Data) -> None:
    one, many = walk(data, [1, 60], seed=0, precision=0.8)
    assert (one.tags, one.suggested, one.images) == (1, 0, 149)
    assert (many.tags, many.images) == (60, 90)
    assert 0 < many.useful < many.right <= many.suggested
    assert many.right / many.suggested > 0.75
    assert first_useful([one, many]) == 60
    assert first_useful([one]) is None


def test_the_table_averages_the_seeds_that_suggest_something() -> None:
    walks = [[Step(10, 0, 0, 0, 100)], [Step(10, 50, 40, 10, 100)], [Step(10, 100, 60, 10, 100)]]
    line = table(walks).splitlines()[1].split()
    assert line == ["10", "0.50", "70.0", "+-", "10.0", "2", "of", "3"]
