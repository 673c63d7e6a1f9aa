"""How often something may be tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from annotator.dashboard.throttle import Pace, Throttle

PACE = Pace(burst=3, seconds=10)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tries(throttle: Throttle, key: str, number: int = 1) -> list[float]:
    return [throttle.take({key: PACE}) for _ in range(number)]


def test_a_few_are_free_and_then_one_by_one(clock: Clock) -> None:
    throttle = Throttle(clock)
    assert tries(throttle, "a", 4) == [0, 0, 0, 10]
    clock.now += 4
    assert tries(throttle, "a") == [6], "who tries too early waits no longer for it"
    clock.now += 6
    assert tries(throttle, "a", 2) == [0, 10]
    clock.now += 1000
    assert tries(throttle, "a", 4) == [0, 0, 0, 10]


def test_each_key_has_its_own(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries(throttle, "a", 9)
    assert tries(throttle, "b") == [0]


def test_a_try_counts_with_all_of_its_keys_or_with_none(clock: Clock) -> None:
    throttle, wide = Throttle(clock), Pace(burst=5, seconds=1)
    assert [throttle.take({"a": PACE, "all": wide}) for _ in range(4)] == [0, 0, 0, 10]
    assert [throttle.take({"b": PACE, "all": wide}) for _ in range(3)] == [0, 0, 1]


def test_a_try_that_was_none_is_given_back(clock: Clock) -> None:
    throttle = Throttle(clock)
    tries(throttle, "a", 3)
    throttle.give_back({"a": PACE, "never tried": PACE})
    assert tries(throttle, "a", 2) == [0, 10]
    throttle.forget("a")
    assert tries(throttle, "a", 4) == [0, 0, 0, 10]


def test_memory_is_bounded_and_what_is_over_is_forgotten(clock: Clock) -> None:
    throttle = Throttle(clock, most=100)
    for number in range(1000):
        tries(throttle, str(number))
    assert len(throttle) == 100
    clock.now += 1000
    tries(throttle, "new")
    assert len(throttle) == 1


def test_who_tries_all_at_once_is_counted_too() -> None:
    throttle = Throttle(lambda: 0.0)
    with ThreadPoolExecutor(16) as pool:
        waits = list(pool.map(lambda _: throttle.take({"a": PACE}), range(200)))
    assert waits.count(0.0) == 3
