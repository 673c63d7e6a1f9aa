"""The benchmark `service`: seconds count from when a call is due, and its project is what it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from annotator.labelstudio.config import parse_config
from annotator.labelstudio.payloads import WebhookBody, read, read_annotation
from annotator.store import Store, observed_matrix
from benchmarks.load.filling import Size, add_version, fill, truth
from benchmarks.load.scale import OPERATIONS
from benchmarks.load.studio import CONFIG, LABELS, submitted
from benchmarks.load.traffic import Calls, at_rate, timed


def silent(_done: int, _total: int) -> None:
    pass


def test_calls_that_a_stalled_server_could_not_take_count_from_when_they_were_due() -> None:
    free = 0.0

    async def one_at_a_time() -> None:
        nonlocal free
        pause = 0.5 if free == 0 else 0.0
        free = max(free, time.perf_counter()) + pause
        await asyncio.sleep(free - time.perf_counter())

    calls = Calls()
    asyncio.run(at_rate(calls, (one_at_a_time for _ in range(10)), 10, 20, silent))
    assert len(calls.seconds) == 10
    # Due at 0, 50, ... 450 ms, none answered before 500: a caller that waits would have seen one slow answer.
    assert sum(seconds > 0.09 for seconds in calls.seconds) >= 8


def test_what_is_not_answered_well_is_counted_and_has_no_seconds() -> None:
    async def refuse() -> None:
        raise ConnectionError

    calls = Calls()
    assert not asyncio.run(_timed(calls, refuse))
    assert (calls.failed, calls.seconds) == (1, [])


async def _timed(calls: Calls, call: Callable[[], Awaitable[Any]]) -> bool:
    return await timed(calls, call)


@pytest.mark.parametrize(
    ("seconds", "half", "most", "longest"), [([3.0], 3e3, 3e3, 3e3), (range(1, 101), 50e3, 99e3, 100e3)]
)
def test_a_summary_counts_in_milliseconds(
    seconds: list[float], half: float, most: float, longest: float
) -> None:
    found = Calls([float(each) for each in seconds], failed=2).summary()
    assert (found["p50_ms"], found["p99_ms"], found["longest_ms"]) == (half, most, longest)
    assert found["calls"] == len(seconds) + 2
    assert found["over_1s"] == sum(each > 1 for each in seconds)


def test_its_webhooks_are_what_label_studio_sends() -> None:
    body = submitted(7, 3)
    read(WebhookBody, body)
    assert read_annotation(body["annotation"]).task == body["task"]["id"] == 3
    assert tuple(parse_config(CONFIG).labels) == LABELS


def test_a_project_is_as_large_as_asked_and_knows_its_truth(store: Store) -> None:
    size = Size.read("40x200")
    fill(store, size)
    add_version(store, size)
    with store.reading() as session:
        matrix = observed_matrix(session, 1)
    answered = (matrix.values != 0).all(axis=1)
    assert matrix.values.shape == (40, len(LABELS))
    assert np.count_nonzero(matrix.values) == 200
    assert np.array_equal(matrix.values[answered] > 0, truth(range(1, 41))[answered])
    OPERATIONS["status"](store)
    OPERATIONS["predict 1"](store)
    OPERATIONS["csv"](store)
