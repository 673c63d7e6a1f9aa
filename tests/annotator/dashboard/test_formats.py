"""How the page writes numbers and moments."""

from datetime import UTC, datetime, timedelta

import pytest

from annotator.dashboard.formats import ago, coded, duration, moment, number, percent
from annotator.store.types import utc_now


def test_thousands_stand_apart() -> None:
    assert [number(value) for value in (0, 999, 1000, 1234567)] == ["0", "999", "1,000", "1,234,567"]


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.0, "0 %"),
        (1e-9, "1 %"),
        (0.5, "50 %"),
        (0.9999, "99 %"),
        (1.0, "100 %"),
        (None, "-"),
        (float("nan"), "-"),
    ],
)
def test_only_what_is_certain_is_none_or_all(share: float | None, written: str) -> None:
    assert percent(share) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (61, "1 min 1 s"), (3600, "1 h 0 min")],
)
def test_a_time_has_the_two_units_that_matter(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_moment_is_machine_readable_and_says_its_zone() -> None:
    at = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)
    assert moment(at) == '<time datetime="2026-05-04T12:30:00+00:00">2026-05-04 12:30 UTC</time>'
    assert moment(None) == "never"


def test_how_long_ago_is_never_negative() -> None:
    assert ago(utc_now() + timedelta(hours=1)) == "0 s ago"
    assert ago(None) == "never"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain <b>", "plain &lt;b&gt;"),
        ("`a` and `b`", "<code>a</code> and <code>b</code>"),
        ("`<i>`", "<code>&lt;i&gt;</code>"),
        ("", ""),
        ("one ` alone", "one ` alone"),
        ("`a` and ` alone", "<code>a</code> and ` alone"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, written: str) -> None:
    assert coded(text) == written
