"""Opening databases: what is accepted, what is refused, and that several writers get along."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, func, insert, select, text
from sqlalchemy.exc import IntegrityError, StatementError

from annotator.errors import OnetagError
from annotator.store import Event, Image, Label, Store, open_store, record_event, upgrade

WRITER = """
import sys
from annotator.store import open_store, record_event, upgrade
store = open_store(sys.argv[1])
for number in range(25):
    with store.session() as session:
        record_event(session, sys.argv[2], {"number": number})
"""


def test_a_session_commits_at_its_end(store: Store) -> None:
    with store.session() as session:
        record_event(session, "PING", {})
    with store.reading() as session:
        assert session.scalar(select(func.count(Event.id))) == 1


def test_a_session_takes_everything_back_after_an_error(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.session() as session:
        record_event(session, "PING", {"ratio": 1}).payload["ratio"] /= 0
    with store.reading() as session:
        assert session.scalar(select(func.count(Event.id))) == 0


def test_rows_can_be_used_after_their_session(store: Store) -> None:
    with store.session() as session:
        event = record_event(session, "PING", {"a": [1, "ü"]})
    assert event.payload == {"a": [1, "ü"]}


def test_references_are_enforced(store: Store) -> None:
    with pytest.raises(IntegrityError), store.session() as session:
        session.add(Image(project_id=999, uri="x"))


def test_parameters_stay_out_of_errors(store: Store) -> None:
    with pytest.raises(IntegrityError) as caught, store.session() as session:
        session.execute(insert(Label), {"project_id": 999, "name": "sesame", "position": 0})
    assert "sesame" not in str(caught.value).partition("DETAIL")[0]


def test_a_moment_without_time_zone_is_refused(store: Store) -> None:
    naive = Event(action="PING", payload={}, received_at=datetime(2026, 1, 1))
    with pytest.raises(StatementError, match="time zone"), store.session() as session:
        session.add(naive)


def test_several_processes_write_at_once(store: Store) -> None:
    url = store.url.render_as_string(hide_password=False)
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, url, name], stderr=subprocess.PIPE, text=True)
        for name in ("server", "worker", "command")
    ]
    errors = [process.communicate(timeout=60)[1] for process in running]
    assert errors == ["", "", ""]
    with store.reading() as session:
        counts = session.execute(select(Event.action, func.count()).group_by(Event.action)).all()
    assert {tuple(row) for row in counts} == {("server", 25), ("worker", 25), ("command", 25)}


def test_a_writer_that_read_first_still_gets_its_turn(sqlite_store: Store) -> None:
    """The case in which SQLite says 'database is locked' at once, unless the writer said BEGIN IMMEDIATE."""
    failures: list[BaseException] = []

    def count_and_add() -> None:
        try:
            for _ in range(20):
                with sqlite_store.session() as session:
                    session.scalar(select(func.count(Event.id)))
                    record_event(session, "PING", {})
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=count_and_add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with sqlite_store.reading() as session:
        assert session.scalar(select(func.count(Event.id))) == 80


def test_reading_neither_waits_for_a_writer_nor_sees_half_of_its_work(store: Store) -> None:
    with store.session() as writing:
        record_event(writing, "PING", {})
        with store.reading() as session:
            assert session.scalar(select(func.count(Event.id))) == 0


def test_reading_is_one_snapshot(store: Store) -> None:
    with store.reading() as session:
        assert session.scalar(select(func.count(Event.id))) == 0
        with store.session() as writing:
            record_event(writing, "PING", {})
        assert session.scalar(select(func.count(Event.id))) == 0


def test_sqlite_keeps_a_log_that_readers_and_writers_share(sqlite_store: Store) -> None:
    with sqlite_store.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA foreign_keys")) == 1
        assert session.scalar(text("PRAGMA busy_timeout")) == 30_000


def test_opening_creates_nothing(tmp_path: Path) -> None:
    opened = open_store(f"sqlite:///{tmp_path / 'none.db'}")
    with pytest.raises(OnetagError, match=r"none\.db.*db upgrade"), opened.session() as session:
        record_event(session, "PING", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a b", "50%", "é#;&", "a?b"])
def test_a_path_may_hold_any_character(tmp_path: Path, name: str) -> None:
    file = tmp_path / name / "onetag.db"
    odd = open_store(URL.create("sqlite", database=str(file)).render_as_string())
    upgrade(odd)
    odd.close()
    assert file.is_file()


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_means_psycopg(scheme: str) -> None:
    opened = open_store(f"{scheme}://me:sesame@db.test/onetag")
    assert opened.url.drivername == "postgresql+psycopg"
    assert opened.url.password == "sesame"
    assert "sesame" not in repr(opened)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("", "cannot be read"),
        ("onetag.db", "cannot be read"),
        ("postgresql://me:sesame@host:port/x", "cannot be read"),
        ("mysql://me:sesame@host/x", "'mysql' are not supported"),
        ("postgresql+asyncpg://me:sesame@host/x", "not supported"),
        ("sqlite://", "plain file"),
        ("sqlite:///:memory:", "plain file"),
        ("sqlite:///x.db?mode=ro", "plain file"),
    ],
)
def test_an_unusable_url_is_told_without_its_password(url: str, told: str) -> None:
    with pytest.raises(OnetagError, match=told) as caught:
        open_store(url)
    assert "sesame" not in str(caught.value)
    assert "postgresql://user:password@host/database" in str(caught.value)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.store.engine.find_spec", lambda name: None)
    with pytest.raises(OnetagError, match=r"pip install 'onetag\[postgres\]'"):
        open_store("postgresql://host/onetag")
