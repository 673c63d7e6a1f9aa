"""Opening the database: SQLite that several processes share, or PostgreSQL by one URL."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store.failures import explained, shown, turned_away
from annotator.store.inbox import Inbox, inbox_file
from annotator.store.types import json_text

T = TypeVar("T")

LOCK_TIMEOUT = 30.0  # seconds a writer waits for its turn
ATTEMPTS = 6  # at a transaction that the engine undoes for the sake of another one
CONNECT_TIMEOUT = 10  # seconds until a PostgreSQL server counts as not there
POSTGRES_DRIVER = "postgresql+psycopg"
SUPPORTED = "Use sqlite:///path/to/onetag.db or postgresql://user:password@host/database."


class Store:
    """An open database. Threads may share it; each asks for its own session."""

    def __init__(self, url: URL, engine: Engine, inbox: Store | None = None) -> None:
        """inbox: where arrivals lie, if not here."""
        self.url = url
        self.engine = engine
        self.inbox = Inbox(inbox or self, own=inbox is not None)

    def __repr__(self) -> str:
        return f"Store({shown(self.url)!r})"

    @property
    def file(self) -> Path | None:
        """The SQLite file; None with PostgreSQL."""
        return Path(self.url.database or "") if self.url.get_backend_name() == "sqlite" else None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session that may write: committed at the end, rolled back on an error.

        On SQLite it takes the one write lock at its first statement: keep it short, compute outside of it.
        Raises OnetagError when the database is missing, full, read-only, damaged or out of reach.
        """
        with self._explaining(), self._transaction() as session:
            yield session

    def write(self, work: Callable[[Session], T]) -> T:
        """What `work` returns, done in a session of its own as in `session`.

        It is done again, from its start, where the engine undid it for the sake of another writer (a
        deadlock): whatever it changes outside of the session must be the same the second time.
        """
        with self._explaining():
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    with self._transaction() as session:
                        return work(session)
                except DBAPIError as error:
                    if attempt == ATTEMPTS or not turned_away(error):
                        raise
                    time.sleep(random.uniform(0, 0.05 * attempt))  # noqa: S311 (only lets the other one go first)
        raise AssertionError("unreachable")

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that only reads: one unchanging snapshot, and it never waits for a writer."""
        engine = self.engine.execution_options(onetag_reading=True, **self._snapshot())
        with self._explaining(), Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def limit_waiting(self, session: Session) -> None:
        """Let a session of PostgreSQL wait for a lock no longer than a writer of SQLite does."""
        if self.file is None:
            session.execute(text(f"SET LOCAL lock_timeout = {1000 * LOCK_TIMEOUT:.0f}"))

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()
        self.inbox.close()

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            explanation = explained(error, self.url)
            if explanation is None:
                raise
            raise explanation from None

    def _snapshot(self) -> dict[str, Any]:
        if self.file is not None:
            return {}  # a deferred transaction in WAL mode is a snapshot already
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


def open_store(url: str) -> Store:
    """The store at a SQLAlchemy URL. Creates nothing: `schema.upgrade` does.

    Raises OnetagError when the URL cannot be used or a driver is missing; the password is never in it.
    """
    parsed = _parse(url)
    if parsed.get_backend_name() == "sqlite":
        inbox = parsed.set(database=str(inbox_file(Path(parsed.database or ""))))
        apart = Store(inbox, _sqlite_engine(inbox, mode="rwc"))
        return Store(parsed, _sqlite_engine(parsed), apart)
    return Store(parsed, _postgres_engine(parsed))


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise OnetagError("The database's URL cannot be read.", f"{SUPPORTED}") from None
    if parsed.drivername in ("postgres", "postgresql", POSTGRES_DRIVER):
        return parsed.set(drivername=POSTGRES_DRIVER)
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise OnetagError(f"Databases of the kind {parsed.drivername!r} are not supported.", f"{SUPPORTED}")
    if parsed.database in (None, "", ":memory:") or parsed.query:
        raise OnetagError("Several processes share the database, so it must be a plain file.", f"{SUPPORTED}")
    return parsed.set(drivername="sqlite", database=str(Path(parsed.database or "").expanduser().absolute()))


def _sqlite_engine(url: URL, mode: str = "rw") -> Engine:
    # mode=rw: a mistyped path is an error and not a new, empty database.
    address = URL.create(
        "sqlite", database=f"file:{quote(url.database or '')}", query={"mode": mode, "uri": "true"}
    )
    engine = create_engine(
        address, connect_args={"timeout": LOCK_TIMEOUT}, hide_parameters=True, json_serializer=json_text
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below, not by the driver
    connection.execute("PRAGMA foreign_keys = ON")
    _switch_to_wal(connection)


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # Changing the journal does not wait for other processes as other statements do, so wait here.
    deadline = time.monotonic() + LOCK_TIMEOUT
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer midway fails at once with "database is locked"; one that says so first waits.
    reading = connection.get_execution_options().get("onetag_reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _postgres_engine(url: URL) -> Engine:
    if find_spec("psycopg") is None:
        raise OnetagError("PostgreSQL needs one more package.", "Install it: pip install 'onetag[postgres]'.")
    return create_engine(
        url,
        connect_args={"connect_timeout": CONNECT_TIMEOUT},
        hide_parameters=True,
        json_serializer=json_text,
        pool_pre_ping=True,
    )
