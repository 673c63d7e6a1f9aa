"""Waiting is seen: a bar that fills by the usual time, and a word now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from model_backend.stack.patience import patiently


def test_what_is_waited_for_is_told_with_a_bar_and_in_words() -> None:
    said: list[str] = []
    drawn: list[tuple[int, int]] = []

    @contextmanager
    def bar(title: str) -> Iterator[Callable[[int, int], None]]:
        said.append(title)
        yield lambda done, total: drawn.append((done, total))

    with patiently("Starting Label Studio", 40, said.append, bar, word_every=0.05):
        time.sleep(0.3)
    assert said[0].startswith("Starting Label Studio")
    assert any("Starting Label Studio: 0 s so far; it takes about 40 s" in line for line in said[1:])
    assert drawn[0] == (0, 40)
    assert all(done <= total for done, total in drawn)
    before = len(said)
    time.sleep(0.15)
    assert len(said) == before, "when it is over nothing more is said"


def test_what_fails_while_it_is_waited_for_is_raised() -> None:
    @contextmanager
    def bar(_title: str) -> Iterator[Callable[[int, int], None]]:
        yield lambda _done, _total: None

    with pytest.raises(RuntimeError, match="broken"), patiently("A part", 1, lambda _: None, bar):
        raise RuntimeError("broken")
