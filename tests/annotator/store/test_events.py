"""Events among the records: whose turn it is, and what becomes of one that fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from annotator.store import (
    Event,
    EventState,
    Project,
    Store,
    drop_events,
    fail_event,
    finish_event,
    record_event,
    retry_after_upgrade,
    retry_events,
    set_aside,
    waiting_events,
)
from annotator.store.events import MOST_TRIES, TRY_AGAIN_AFTER
from annotator.store.types import utc_now


def time_passes(session: Session) -> None:
    session.execute(update(Event).values(tried_at=utc_now() - TRY_AGAIN_AFTER - timedelta(seconds=1)))


def fail_for_good(session: Session, event: Event) -> None:
    for _ in range(MOST_TRIES):
        fail_event(session, event, "It failed.")
    finish_event(session, event)


def turns(session: Session) -> list[str]:
    return [event.action for event in waiting_events(session)]


def test_events_wait_in_the_order_of_their_arrival(store: Store) -> None:
    with store.session() as session:
        for action in ("A", "B", "C"):
            record_event(session, action, {"action": action})
    with store.session() as session:
        assert turns(session) == ["A", "B", "C"]
        assert [event.action for event in waiting_events(session, limit=2)] == ["A", "B"]


def test_a_processed_event_stays_and_waits_no_more(store: Store) -> None:
    with store.session() as session:
        good, bad = record_event(session, "A", {}), record_event(session, "B", {})
        finish_event(session, good)
        finish_event(session, bad, "There is no such label.")
        assert waiting_events(session) == []
        assert (good.error, bad.error) == (None, "There is no such label.")
        assert (good.state, bad.state) == (EventState.DONE, EventState.DONE)
        assert good.processed_at is not None
        assert good.received_at <= good.processed_at


def test_an_event_whose_processing_failed_waits_on(store: Store) -> None:
    with store.session() as session:
        record_event(session, "A", {})
    try:
        with store.session() as session:
            finish_event(session, waiting_events(session)[0])
            session.add(object())
    except Exception:
        with store.session() as session:
            assert len(waiting_events(session)) == 1
    else:
        raise AssertionError("the session should have failed")


def test_one_that_fails_holds_up_its_project_for_a_while_and_no_other(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        one, other = make_project(session).id, make_project(session, title="Other").id
        failing = record_event(session, "FAILS", {}, one)
        record_event(session, "LATER", {}, one)
        record_event(session, "OTHER", {}, other)
        record_event(session, "NOBODY'S", {})
        assert fail_event(session, failing, "It failed."), "it is tried again"
        assert turns(session) == ["OTHER", "NOBODY'S"]
        time_passes(session)
        assert turns(session) == ["FAILS", "LATER", "OTHER", "NOBODY'S"]


def test_after_the_last_try_it_is_set_aside_whole_and_the_others_go_on(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        project = make_project(session).id
        failing = record_event(session, "FAILS", {"all": "of it"}, project)
        record_event(session, "LATER", {}, project)
        assert [fail_event(session, failing, "It failed.") for _ in range(MOST_TRIES)] == [True, True, False]
        finish_event(session, failing)
        assert (failing.state, failing.tries) == (EventState.SET_ASIDE, MOST_TRIES)
        assert (failing.processed_at, failing.error) == (None, "It failed.")
        assert failing.tried_at is not None
        assert turns(session) == ["LATER"]
        found = set_aside(session)[project]
        assert (found.count, found.error) == (1, "It failed.")
        assert failing.payload == {"all": "of it"}


def test_it_can_be_tried_again_and_then_knows_that_others_overtook_it(store: Store) -> None:
    with store.session() as session:
        failing, other = record_event(session, "FAILS", {}), record_event(session, "FAILS TOO", {})
        fail_for_good(session, failing)
        fail_for_good(session, other)
        assert turns(session) == []
        assert retry_events(session, [failing.id]) == 1
        session.refresh(failing)
        assert turns(session) == ["FAILS"]
        assert (failing.tries, failing.parts, failing.retried_at is None) == (0, 0, False)
        assert retry_events(session) == 1
        assert turns(session) == ["FAILS", "FAILS TOO"]


def test_it_can_be_dropped_and_stays_on_record(store: Store) -> None:
    with store.session() as session:
        failing, waiting = record_event(session, "FAILS", {}), record_event(session, "WAITS", {})
        fail_for_good(session, failing)
        assert drop_events(session, [failing.id, waiting.id]) == 1, "only what is set aside"
        session.refresh(failing)
        assert (failing.state, failing.error) == (EventState.DROPPED, "It failed.")
        assert failing.processed_at is not None
        assert set_aside(session) == {}
        assert retry_events(session) == 0
        assert turns(session) == ["WAITS"]


def test_another_release_tries_again_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with store.session() as session:
        fail_for_good(session, record_event(session, "FAILS", {}))
        assert retry_after_upgrade(session) == 0, "this one has tried"
        monkeypatch.setattr("annotator.store.events.release", lambda: "99.0")
        assert retry_after_upgrade(session) == 1
        assert turns(session) == ["FAILS"]
