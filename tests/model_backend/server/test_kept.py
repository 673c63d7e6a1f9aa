"""What is acknowledged is safe; what could not be kept is answered with an error, and kept the next time."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import create_engine, func, select, text

from annotator.settings import Settings
from annotator.store import Event, Store, move_arrivals
from annotator.store.inbox import inbox_file
from model_backend.engine.predict import Predictor
from model_backend.server import create_app

from .conftest import SECRET, Nudges, no_workbench

LARGE = "x" * 200_000


@pytest.fixture
def client_of_any(store: Store, settings: Settings, nudges: Nudges) -> FlaskClient:
    """A client of the backend on either engine."""
    app = create_app(store, settings, nudges, Predictor(store, settings, no_workbench))  # type: ignore[arg-type]
    made = app.test_client()
    made.environ_base["HTTP_X_ONETAG_SECRET"] = SECRET
    return made


def sent(client: FlaskClient, action: str, padding: str = "") -> int:
    """The status that an event is answered with."""
    return client.post("/webhook", json={"action": action, "padding": padding}).status_code


def kept(store: Store) -> list[str]:
    """The actions of the events that the worker finds."""
    while move_arrivals(store):
        pass
    with store.reading() as session:
        return list(session.scalars(select(Event.action).order_by(Event.id)))


@contextmanager
def no_room(file: Path) -> Iterator[None]:
    """No file of this process grows beyond the size that this one and its journal have now."""
    sizes = [each.stat().st_size for each in file.parent.glob(f"{file.name}*")]
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (max(sizes), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_no_acknowledgement(client: FlaskClient, sqlite_store: Store) -> None:
    assert sqlite_store.file is not None
    assert sent(client, "FIRST") == 200
    with no_room(inbox_file(sqlite_store.file)):
        assert sent(client, "SECOND", LARGE) == 503
    assert sent(client, "SECOND", LARGE) == 200
    assert kept(sqlite_store) == ["FIRST", "SECOND"]


def test_a_webhook_does_not_wait_for_whoever_writes_records(client: FlaskClient, sqlite_store: Store) -> None:
    assert sqlite_store.file is not None
    assert sent(client, "FIRST") == 200
    other = sqlite3.connect(sqlite_store.file)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    assert sent(client, "SECOND") == 200
    assert time.monotonic() - began < 1, "Label Studio gives a webhook one second"
    other.close()
    assert kept(sqlite_store) == ["FIRST", "SECOND"]


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_postgresql_that_cut_every_connection_loses_nothing(
    client_of_any: FlaskClient, store: Store, postgres_server: str
) -> None:
    """As a restart does."""
    assert sent(client_of_any, "FIRST") == 200
    with store.engine.connect() as connection:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
    other = create_engine(postgres_server)
    with other.connect() as connection:
        assert connection.scalar(select(func.pg_terminate_backend(number)))
    other.dispose()
    assert sent(client_of_any, "SECOND") == 200
    assert kept(store) == ["FIRST", "SECOND"]
