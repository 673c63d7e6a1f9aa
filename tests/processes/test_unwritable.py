"""The store goes away under the running server: what cannot be kept is never acknowledged, and it goes on."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from sqlalchemy import create_engine, text

from annotator.store.inbox import inbox_file
from model_backend.server.serve import THREADS
from tests.processes.conftest import PATIENCE, Command, Installation, nobody_writes_events_down, until

Trouble = Callable[[Installation, Command], AbstractContextManager[None]]
LARGE = "x" * 200_000


@contextmanager
def a_file_in_place_of_its_folder(installation: Installation, _server: Command) -> Iterator[None]:
    folder, aside = installation.folder, installation.folder.with_name("aside")
    folder.rename(aside)
    folder.touch()
    try:
        yield
    finally:
        folder.unlink()
        aside.rename(folder)


@contextmanager
def no_room(installation: Installation, server: Command) -> Iterator[None]:
    """No file of the server grows beyond the size that the inbox and its journal have now."""
    assert installation.store.file is not None
    inbox = inbox_file(installation.store.file)
    largest = max((each.stat().st_size for each in inbox.parent.glob(f"{inbox.name}*")), default=2**15)
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    yield
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def the_tables_elsewhere(installation: Installation, _server: Command) -> Iterator[None]:
    url = installation.store.url
    name = str(url.query["options"]).rpartition("=")[2]
    engine = create_engine(url.set(query={}), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER SCHEMA {name} RENAME TO {name}_aside"))
        try:
            yield
        finally:
            connection.execute(text(f"ALTER SCHEMA {name}_aside RENAME TO {name}"))
    engine.dispose()


@pytest.mark.parametrize(
    ("engine_name", "troubles"),
    [("sqlite", (a_file_in_place_of_its_folder, no_room)), ("postgresql", (the_tables_elsewhere,))],
    ids=["sqlite", "postgresql"],
)
def test_what_cannot_be_kept_is_not_acknowledged_and_kept_the_next_time(
    installation: Installation, troubles: tuple[Trouble, ...]
) -> None:
    server, kept = installation.server(), list[str | None]()
    for trouble in troubles:
        body = {"action": trouble.__name__, "padding": LARGE}
        with trouble(installation, server):
            assert installation.webhook(body) == (503, None)
            assert installation.health() == 200
        status, key = installation.webhook(body)
        assert status == 200, trouble.__name__
        kept.append(key)
    assert installation.events() == set(kept)
    assert server.alive


def test_it_says_that_it_is_alive_while_every_webhook_waits(installation: Installation) -> None:
    server, answers = installation.server(), list[tuple[int, str | None]]()
    assert installation.webhook({"action": "FIRST"})[0] == 200

    def send() -> None:
        answers.append(installation.webhook({"action": "NEXT"}))

    waiting = [threading.Thread(target=send) for _ in range(2 * THREADS)]
    with nobody_writes_events_down(installation.store):
        for each in waiting:
            each.start()
        until(lambda: "Task queue depth is" in server.said, "they are more than the server's threads")
        assert installation.health() == 200
        assert answers == []
    for each in waiting:
        each.join()
    assert [status for status, _ in answers] == [200] * len(waiting)
    assert {key for _, key in answers} <= installation.events()


@pytest.mark.parametrize("engine_name", ["postgresql"])
def test_a_worker_whose_postgresql_restarts_amid_a_training_goes_on(installation: Installation) -> None:
    studio = installation.studio
    studio.annotate(*range(1, 7))
    worker = installation.worker(quick=True, PGAPPNAME=installation.folder.name)
    with studio.holding("an image") as reached:
        assert reached.wait(PATIENCE), worker.said
        with the_tables_elsewhere(installation, worker):
            cut_connections(installation, installation.folder.name)
            until(lambda: "The heartbeat of training run 1 failed" in worker.said, "the training has noticed")
            until(lambda: "Error reading from queue" in worker.said, "and so has who waits for messages")
    until(installation.published, "it has published a version")
    assert installation.observed() == studio.said
    worker.signal(signal.SIGTERM)
    assert worker.ended_in_order(), worker.said


def cut_connections(installation: Installation, name: str) -> None:
    """End the connections that bear this name, as a restart does."""
    ended = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = :name"
    )
    with installation.store.engine.connect() as connection:
        assert connection.scalar(ended, {"name": name[:63]})
