"""The durable inbox: what was received waits, in order, until it is processed."""

from __future__ import annotations

from annotator.store import Store, finish_event, record_event, waiting_events


def test_events_wait_in_the_order_of_their_arrival(store: Store) -> None:
    with store.session() as session:
        for action in ("A", "B", "C"):
            record_event(session, action, {"action": action})
    with store.session() as session:
        assert [event.action for event in waiting_events(session)] == ["A", "B", "C"]
        assert [event.action for event in waiting_events(session, limit=2)] == ["A", "B"]


def test_a_processed_event_stays_and_waits_no_more(store: Store) -> None:
    with store.session() as session:
        good, bad = record_event(session, "A", {}), record_event(session, "B", {})
        finish_event(session, good)
        finish_event(session, bad, "There is no such label.")
        assert waiting_events(session) == []
        assert (good.error, bad.error) == (None, "There is no such label.")
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
