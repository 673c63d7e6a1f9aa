"""Threads that write at once share a transaction; each knows what became of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from annotator.store.together import Together


def test_every_item_is_written_once() -> None:
    batches: list[list[int]] = []
    write: Together[int] = Together(lambda items: batches.append(list(items)))
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(500)))
    assert sorted(item for batch in batches for item in batch) == list(range(500))


def test_those_that_come_meanwhile_are_written_together() -> None:
    entered, leave, batches = threading.Event(), threading.Event(), []

    def slowly(items: Sequence[int]) -> None:
        entered.set()
        leave.wait(10)
        batches.append(sorted(items))

    write: Together[int] = Together(slowly)
    threads = [threading.Thread(target=write, args=(0,))]
    threads[0].start()
    assert entered.wait(10)
    threads += [threading.Thread(target=write, args=(number,)) for number in (1, 2, 3)]
    for thread in threads[1:]:
        thread.start()
    while len(write._waiting) < 3:
        pass
    leave.set()
    for thread in threads:
        thread.join(10)
    assert batches == [[0], [1, 2, 3]]


def test_a_failure_is_told_to_all_that_it_concerns_and_to_no_other() -> None:
    def write_odd(items: Sequence[int]) -> None:
        if any(item % 2 == 0 for item in items):
            raise OSError("No space.")

    write: Together[int] = Together(write_odd)
    with pytest.raises(OSError, match="No space"):
        write(2)
    write(3)
