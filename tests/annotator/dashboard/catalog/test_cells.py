"""Filters of cells, each beside a plain loop that says the same."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from annotator.dashboard.catalog import Search, State
from annotator.dashboard.catalog import cells as filters
from annotator.dashboard.catalog.cells import Cells, cell_filters

Plain = Callable[[int, float, float], bool]
"""Of one cell: what people say, what is estimated, and the threshold."""


def cells_at_random(seed: int, count: int = 400) -> Cells:
    random = np.random.default_rng(seed)
    values = random.integers(-1, 2, count).astype(np.int8)
    chances = random.random(count).astype(np.float16).astype(np.float32)
    chances[random.random(count) < 0.1] = np.nan
    tied = (values == 0) & (random.random(count) < 0.3)
    return Cells(values, tied, chances, threshold=0.7)


PLAIN: dict[str, tuple[filters.CellFilter, Plain]] = {
    "present": (filters.present, lambda value, chance, threshold: value == 1),
    "absent": (filters.absent, lambda value, chance, threshold: value == -1),
    "unknown": (filters.unknown, lambda value, chance, threshold: value == 0),
    "at least": (partial(filters.at_least, 0.25), lambda value, chance, threshold: chance >= 0.25),
    "at most": (partial(filters.at_most, 0.25), lambda value, chance, threshold: chance <= 0.25),
    "disagreement": (
        filters.disagreement,
        lambda value, chance, threshold: (value == -1 and chance >= 0.8999) or (value == 1 and chance <= 0.1),
    ),
    "missing": (
        filters.missing,
        lambda value, chance, threshold: value == 0 and chance >= float(np.float16(threshold)),
    ),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_filter_says_what_a_loop_says(name: str) -> None:
    holds, plain = PLAIN[name]
    cells = cells_at_random(1)
    expected = [
        plain(int(value), float(chance), cells.threshold)
        for value, chance in zip(cells.values, cells.chances, strict=True)
    ]
    found = holds(cells)
    assert found.tolist() == expected
    assert 0 < found.sum() < len(found)


def test_a_conflict_is_where_as_many_say_yes_as_no() -> None:
    cells = cells_at_random(2)
    assert np.array_equal(filters.conflict(cells), cells.tied)
    assert not (filters.conflict(cells) & ~filters.unknown(cells)).any()


def confident_loop(cells: Cells) -> list[bool]:
    """Confident learning as its authors tell it: the class that an image confidently counts as."""
    pairs = [
        (int(value), float(chance))
        for value, chance in zip(cells.values, cells.chances, strict=True)
        if value != 0 and not math.isnan(chance)
    ]
    by_class = {
        1: [chance for value, chance in pairs if value == 1],
        -1: [1 - chance for value, chance in pairs if value == -1],
    }
    mean = {side: sum(chances) / len(chances) for side, chances in by_class.items()}
    wrong = []
    for value, chance in zip(cells.values, cells.chances, strict=True):
        own = {1: float(chance), -1: 1 - float(chance)}
        counted = [side for side in own if own[side] >= mean[side]]
        best = max(counted, key=lambda side: own[side], default=None)
        wrong.append(bool(value != 0 and best is not None and best != value))
    return wrong


@pytest.mark.parametrize("seed", range(5))
def test_likely_wrong_is_what_confident_learning_finds(seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = cells_at_random(seed)
    truth = random.random(len(cells.values)) < 0.5
    chances = np.clip(np.where(truth, 0.8, 0.2) + random.normal(0, 0.15, len(truth)), 0, 1)
    said = np.where(random.random(len(truth)) < 0.1, ~truth, truth) * 2 - 1
    told = Cells(
        np.where(cells.values == 0, 0, said).astype(np.int8), cells.tied, chances.astype(np.float32), 0.5
    )
    found = filters.wrong(told)
    assert found.tolist() == confident_loop(told)
    known = told.values != 0
    right = found[known] == (np.sign(told.values[known]) != (truth[known] * 2 - 1))
    assert right.mean() > 0.9


@pytest.mark.parametrize("value", [1, 0, -1])
def test_nothing_is_likely_wrong_where_people_have_not_said_both(value: int) -> None:
    cells = cells_at_random(3)
    one_sided = Cells(
        np.minimum(cells.values, 0) if value < 0 else np.full_like(cells.values, value),
        cells.tied,
        cells.chances,
        0.5,
    )
    assert not filters.wrong(one_sided).any()


def test_what_is_not_estimated_is_never_found_by_its_estimate() -> None:
    nothing = Cells(
        np.array([1, 0, -1], dtype=np.int8),
        np.zeros(3, dtype=np.bool_),
        np.full(3, np.nan, dtype=np.float32),
        float("nan"),
    )
    for holds in (
        partial(filters.at_least, 0.0),
        partial(filters.at_most, 1.0),
        filters.missing,
        filters.disagreement,
        filters.wrong,
    ):
        assert not holds(nothing).any()


def test_all_that_a_search_asks_of_a_label_is_put_to_it() -> None:
    assert cell_filters(Search(label="cat")) == []
    assert len(cell_filters(Search(state=State.UNKNOWN, least=0.5, most=0.9))) == 3
