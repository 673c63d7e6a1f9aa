"""Figures that are kept for some seconds."""

import threading
import time

import pytest

from annotator.dashboard.remembered import Remembered


class Counting:
    """Counts how often it was asked, and waits or fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.failure: Exception | None = None

    def __call__(self, key: str) -> str:
        self.asked += 1
        number = self.asked
        assert self.go_on.wait(10)
        if self.failure:
            raise self.failure
        return f"{key}{number}"


def eventually(counting: Counting, asked: int) -> None:
    deadline = time.monotonic() + 10
    while counting.asked < asked:
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_fresh_is_not_counted_again() -> None:
    counting = Counting()
    kept = Remembered(counting, fresh=60)
    assert [kept.get("a"), kept.get("a"), kept.get("b")] == ["a1", "a1", "b2"]


def test_what_is_older_is_handed_out_and_counted_meanwhile() -> None:
    counting = Counting()
    kept = Remembered(counting, fresh=0.0)
    kept.get("a")
    counting.go_on.clear()
    assert kept.get("a") == "a1"
    eventually(counting, 2)
    assert kept.get("a") == "a1"  # nobody waits
    counting.go_on.set()
    deadline = time.monotonic() + 10
    while kept.get("a") == "a1":
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_is_stale_is_waited_for() -> None:
    counting = Counting()
    kept = Remembered(counting, fresh=0.0, stale=0.0)
    assert [kept.get("a"), kept.get("a")] == ["a1", "a2"]


def test_many_who_come_at_once_have_it_counted_once() -> None:
    counting = Counting()
    counting.go_on.clear()
    kept = Remembered(counting, fresh=60)
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(kept.get("a"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    eventually(counting, 1)
    counting.go_on.set()
    for thread in threads:
        thread.join(10)
    assert got == ["a1"] * 8


def test_an_error_reaches_the_first_and_later_ones_keep_what_there_was() -> None:
    counting = Counting()
    counting.failure = ValueError("no")
    kept = Remembered(counting, fresh=0.0)
    with pytest.raises(ValueError, match="no"):
        kept.get("a")
    counting.failure = None
    assert kept.get("a") == "a2"
    counting.failure = ValueError("no")
    assert kept.get("a") == "a2"
    eventually(counting, 3)
    assert kept.get("a") == "a2"


def test_no_more_keys_are_kept_than_said() -> None:
    counting = Counting()
    kept = Remembered(counting, fresh=60, most=2)
    for key in "abc":
        kept.get(key)
    assert kept.get("c") == "c3"
    assert kept.get("a") == "a4"


def test_what_is_forgotten_is_counted_anew() -> None:
    kept = Remembered(Counting(), fresh=60)
    kept.get("a")
    kept.forget("a")
    assert kept.get("a") == "a2"


def test_a_look_at_what_is_kept_counts_nothing() -> None:
    counting = Counting()
    kept = Remembered(counting, fresh=60)
    assert kept.peek("a") is None
    assert counting.asked == 0
    kept.get("a")
    assert kept.peek("a") == "a1"
