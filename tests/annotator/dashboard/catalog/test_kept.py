"""What is kept in memory: made once, however many ask; and never more than a few."""

import threading
import time

import pytest

from annotator.dashboard.catalog.kept import Kept


def test_a_value_is_made_once_while_its_stamp_holds() -> None:
    kept: Kept[str, list[int]] = Kept(2)
    first = kept.get("a", 1, lambda: [1])
    assert kept.get("a", 1, lambda: [2]) is first
    assert kept.get("a", 2, lambda: [3]) == [3]


def test_of_too_many_the_one_that_was_asked_for_longest_ago_goes() -> None:
    kept: Kept[str, int] = Kept(2)
    for key in ("a", "b", "a", "c"):
        kept.get(key, 0, lambda: 1)
    assert kept.get("a", 0, lambda: 2) == 1
    assert kept.get("c", 0, lambda: 2) == 1
    assert kept.get("b", 0, lambda: 2) == 2


def test_whoever_asks_while_it_is_made_waits_for_it() -> None:
    kept: Kept[str, int] = Kept(2)
    made: list[int] = []
    got: list[int] = []

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    threads = [threading.Thread(target=lambda: got.append(kept.get("a", 0, make))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [7] * 8
    assert len(made) == 1


def test_who_asks_for_another_does_not_wait() -> None:
    kept: Kept[str, int] = Kept(2)
    asked, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        asked.set()
        assert go_on.wait(5)
        return 1

    thread = threading.Thread(target=lambda: kept.get("slow", 0, slow))
    thread.start()
    assert asked.wait(5)
    assert kept.get("quick", 0, lambda: 2) == 2
    go_on.set()
    thread.join()


def test_what_could_not_be_made_is_not_kept() -> None:
    kept: Kept[str, int] = Kept(1)

    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        kept.get("a", 0, fail)
    assert kept.get("a", 0, lambda: 3) == 3
