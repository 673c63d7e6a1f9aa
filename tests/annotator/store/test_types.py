"""Moments in UTC and JSON that both engines accept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from annotator.store import Event, Store
from annotator.store.types import as_stored, json_text, utc

HERE = timezone(timedelta(hours=5, minutes=30))


def test_a_moment_comes_back_in_utc(store: Store) -> None:
    moment = datetime(2026, 5, 4, 17, 30, 15, 123456, tzinfo=HERE)
    with store.session() as session:
        session.add(Event(action="PING", payload={}, received_at=moment))
    with store.reading() as session:
        received = session.get_one(Event, 1).received_at
    assert received == moment
    assert received.utcoffset() == timedelta(0)


def test_a_moment_without_zone_is_refused() -> None:
    assert utc(datetime(2026, 1, 1, tzinfo=UTC)).tzinfo is UTC
    with pytest.raises(ValueError, match="no time zone"):
        utc(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"a": [1, 2.5, None, True]},
        {"ключ": 'quo"te & 日本 \U0001f600'},
        {"nul": "a\x00b"},
        {"lone": "\ud800"},
    ],
)
def test_any_json_comes_back_as_it_was(store: Store, value: dict[str, object]) -> None:
    with store.session() as session:
        session.add(Event(action="PING", payload=value))
    with store.reading() as session:
        assert session.get_one(Event, 1).payload == value


def test_what_is_not_finite_becomes_null() -> None:
    assert json_text({"map": float("nan"), "all": (1.5, float("inf"))}) == '{"map": null, "all": [1.5, null]}'
    assert as_stored((1, float("-inf"))) == [1, None]
