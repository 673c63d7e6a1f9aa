from __future__ import annotations

import pytest

from annotator.dashboard.charts.track import WIDTH, track
from tests.annotator.dashboard.charts.reading import classed, read


def widths(*classes: str, **told: float) -> list[float]:
    values = {"said": 0, "chance": None, "before": None, "threshold": None} | told
    chart = track("cat", int(values["said"] or 0), values["chance"], values["before"], values["threshold"])
    return [float(each.get("width", 0)) for each in classed(chart, *classes)]


def test_peoples_word_is_a_whole_bar_or_a_stub_and_unknown_is_none() -> None:
    assert widths("bar", "people", said=1) == [WIDTH - 2]
    assert widths("bar", "none", said=-1) == [4]
    assert widths("bar", said=0) == []


def test_estimates_now_and_before_are_bars_of_their_own() -> None:
    assert widths("bar", "estimated", chance=0.5, before=0.25) == [(WIDTH - 2) / 2]
    assert widths("before", "estimated", chance=0.5, before=0.25) == [(WIDTH - 2) / 4]
    assert widths("estimated", said=1) == []


@pytest.mark.parametrize(("threshold", "ticks"), [(0.5, 1), (1.0, 1), (1.01, 0), (None, 0)])
def test_a_threshold_that_can_be_reached_is_a_tick(threshold: float | None, ticks: int) -> None:
    assert len(classed(track("cat", 0, 0.5, None, threshold), "threshold")) == ticks


def test_it_says_in_words_what_it_shows() -> None:
    chart = track("cat <3", 1, 0.5, None, 0.7)
    assert read(chart).findtext("title") == "cat <3"
    assert read(chart).get("role") == "img"
