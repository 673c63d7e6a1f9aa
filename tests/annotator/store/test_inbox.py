"""The inbox: an event is on disk before it is answered, waits for nobody, and becomes one event, once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import undefer

from annotator.errors import OnetagError
from annotator.store import (
    Arrival,
    Event,
    Project,
    Store,
    engine,
    move_arrivals,
    open_store,
    record_event,
    waiting_counts,
)
from annotator.store import inbox as rules
from annotator.store.inbox import inbox_file
from annotator.store.merge import merge_projects


def events(store: Store) -> list[Event]:
    with store.reading() as session:
        return list(session.scalars(select(Event).options(undefer(Event.payload)).order_by(Event.id)))


def test_what_is_recorded_is_there_for_every_process(store: Store) -> None:
    key = store.inbox.record("A", {"action": "A", "n": 1})
    another = open_store(store.url.render_as_string(hide_password=False))
    (arrival,) = another.inbox.oldest()
    assert (arrival.key, arrival.action, arrival.payload) == (key, "A", '{"action": "A", "n": 1}')
    another.close()


def test_arrivals_become_events_in_their_order(store: Store) -> None:
    keys = [store.inbox.record(action, {"action": action}) for action in "ABC"]
    assert store.inbox.waiting().total() == 3
    assert move_arrivals(store) == 3
    assert move_arrivals(store) == 0
    assert [(each.key, each.action) for each in events(store)] == list(zip(keys, "ABC", strict=True))
    assert waiting_counts(store).total() == 3
    assert store.inbox.waiting().total() == 0


def test_what_waited_before_there_was_an_inbox_stays_the_first(store: Store) -> None:
    with store.session() as session:
        record_event(session, "OLD", {})
    store.inbox.record("NEW", {})
    move_arrivals(store)
    assert [each.action for each in events(store)] == ["OLD", "NEW"]


@pytest.mark.parametrize(
    "payload", [{"text": "\x00 \ud800 é"}, {"number": 10**4000}, {"deep": [[[{"a": None}]]]}, {}]
)
def test_every_payload_arrives_as_it_was_sent(store: Store, payload: dict[str, Any]) -> None:
    store.inbox.record("A", payload)
    move_arrivals(store)
    assert events(store)[0].payload == payload


def test_killed_between_the_two_places_it_moves_each_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.inbox.record("A", {})
    with monkeypatch.context() as killed:
        killed.setattr(store.inbox, "forget", lambda keys: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            move_arrivals(store)
    assert len(events(store)) == 1
    store.inbox.record("B", {})
    move_arrivals(store)
    assert [each.action for each in events(store)] == ["A", "B"]
    assert store.inbox.waiting().total() == 0


def test_whoever_moved_it_as_well_forgets_nothing_that_came_since(store: Store) -> None:
    """Numbers of rows are given anew once they are free; keys are not."""
    store.inbox.record("A", {})
    seen = [each.key for each in store.inbox.oldest()]
    move_arrivals(store)
    store.inbox.record("B", {})
    store.inbox.forget(seen)
    assert [each.action for each in store.inbox.oldest()] == ["B"]


def test_writing_waits_for_nobody(store: Store, make_project: Callable[..., Project]) -> None:
    with store.session() as session:
        project = make_project(session).id
    with store.session() as session:
        # The strongest locks that any transaction of ours takes.
        session.execute(select(Project).with_for_update())
        session.get_one(Project, project).studio_url = "http://moved.test"
        session.flush()
        done = threading.Event()

        def write() -> None:
            store.inbox.record("A", {}, project)
            done.set()

        threading.Thread(target=write, daemon=True).start()
        assert done.wait(10), "it waits for the transaction"
    move_arrivals(store)
    assert [each.project_id for each in events(store)] == [project]


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_who_holds_it_for_too_long_is_told_instead_of_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_TIMEOUT", 0.2)
    with store.engine.begin() as connection:
        connection.execute(text("LOCK TABLE arrivals IN EXCLUSIVE MODE"))
        with pytest.raises(OnetagError, match="stays locked by another process"):
            store.inbox.record("A", {})
    store.inbox.record("B", {})
    assert [each.action for each in store.inbox.oldest()] == ["B"]


def test_many_threads_at_once_lose_nothing(store: Store) -> None:
    errors: list[BaseException] = []

    def write(thread: int) -> None:
        try:
            for number in range(20):
                store.inbox.record(f"{thread}.{number}", {})
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    moved = 0
    while any(thread.is_alive() for thread in threads) or store.inbox.waiting():
        moved += move_arrivals(store)
        time.sleep(0.01)
    assert errors == []
    assert moved == 160
    actions = [each.action for each in events(store)]
    for one in range(8):
        of_it = [each for each in actions if each.startswith(f"{one}.")]
        assert of_it == [f"{one}.{number}" for number in range(20)], "each in its order"


def test_large_arrivals_are_moved_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "MOST_BYTES", 100)
    for size in (300, 10, 10, 90):
        store.inbox.record("A", {"text": "x" * size})
    assert [move_arrivals(store) for _ in range(4)] == [1, 2, 1, 0]


def test_of_a_project_that_became_one_with_another_it_is_found_anew(
    store: Store, make_project: Callable[..., Project]
) -> None:
    with store.session() as session:
        kept, double = make_project(session).id, make_project(session, title="Again").id
    store.inbox.record("A", {}, double)
    with store.session() as session:
        merge_projects(session, kept, double)
    move_arrivals(store)
    assert [each.project_id for each in events(store)] == [None]


def test_the_inbox_of_sqlite_is_a_file_beside_the_database(sqlite_store: Store) -> None:
    assert sqlite_store.file is not None
    file = inbox_file(sqlite_store.file)
    assert (file.parent, file.name) == (sqlite_store.file.parent, "onetag-inbox.db")
    assert sqlite_store.inbox.waiting().total() == 0
    assert not file.exists(), "looking makes none"
    sqlite_store.inbox.record("A", {})
    assert file.exists()
    with sqlite_store.reading() as session:
        assert session.scalar(select(func.count(Arrival.id))) == 0


def test_one_that_cannot_be_kept_is_no_success(sqlite_store: Store) -> None:
    assert sqlite_store.file is not None
    inbox_file(sqlite_store.file).write_bytes(b"not a database" * 1000)
    with pytest.raises(OnetagError, match="not an SQLite database"):
        sqlite_store.inbox.record("A", {})
