"""Silence is measured on the watcher's own clock, whatever the time of day does."""

from __future__ import annotations

from annotator.store.watch import AT_MOST, Watch


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_beats_lives_and_what_stands_still_is_silent_after_a_while() -> None:
    clock = Clock()
    watch = Watch(clock)
    found = []
    for look in range(6):
        found.append(watch.silent({1: 7, 2: look}, 20.0))
        clock.now += 8.0
    assert found == [[], [], [], [1], [1], [1]]


def test_one_beat_starts_the_time_again() -> None:
    clock = Clock()
    watch = Watch(clock)
    beats = [1, 1, 1, 2, 2, 2, 2]
    found = []
    for count in beats:
        found.append(watch.silent({1: count}, 20.0))
        clock.now += 8.0
    assert found == [[], [], [], [], [], [], [1]]


def test_what_is_gone_and_comes_back_is_watched_anew() -> None:
    clock = Clock()
    watch = Watch(clock)
    for beats in ({1: 1}, {1: 1}, {}, {1: 1}, {1: 1}):
        assert watch.silent(beats, 20.0) == []
        clock.now += 10.0
    assert watch.silent({1: 1}, 20.0) == [1]


def test_a_watcher_that_paused_itself_takes_nobody_for_dead() -> None:
    clock = Clock()
    watch = Watch(clock)
    watch.silent({1: 1}, 20.0)
    clock.now += 3600.0  # suspended, with everybody else
    assert watch.silent({1: 1}, 20.0) == []
    assert AT_MOST < 20.0
