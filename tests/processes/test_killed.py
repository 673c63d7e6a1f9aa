"""kill -9 of the real processes, at every stage of their work: nothing is lost, and it is done again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import func, select

from annotator.store import Image, Store
from tests.processes.conftest import IMAGES, PATIENCE, Command, Installation, locked, until

Kill = Callable[[Installation], None]


def kill_while_it_reads(installation: Installation) -> None:
    worker = installation.worker(quick=True)
    with installation.studio.holding("an image") as reached:
        assert reached.wait(PATIENCE), worker.said
        worker.kill()


def kill_while_it_saves(installation: Installation) -> None:
    """Its version is on disk, and not on record yet."""
    worker, versions = installation.worker(quick=True), installation.folder / "versions"
    until(lambda: read_images(installation) == IMAGES, "it has read the images")
    with nobody_else_writes(installation.store):
        until(lambda: list(versions.glob("project-*/v*")), "it has written the version's folder")
        worker.kill()
    assert installation.published() == []


def kill_while_it_publishes(installation: Installation, point: str) -> None:
    worker = installation.worker(quick=True)
    with installation.studio.holding(point) as reached:
        assert reached.wait(PATIENCE), worker.said
        worker.kill()


def read_images(installation: Installation) -> int:
    read = select(func.count()).select_from(Image).where(Image.digest.is_not(None))
    return int(installation.read(lambda session: session.scalar(read)))


def nobody_else_writes(store: Store) -> AbstractContextManager[None]:
    """Versions cannot be put on record for the block."""
    return locked(store, "model_versions", "SHARE", store.file)


@pytest.mark.parametrize(
    ("engine_name", "amid_trainings", "amid_publications"),
    [
        ("sqlite", [kill_while_it_reads, kill_while_it_saves], ["before the push", "after the switch"]),
        ("postgresql", [kill_while_it_saves], ["after the switch"]),
    ],
    ids=["sqlite", "postgresql"],
)
def test_a_worker_killed_at_any_stage_loses_nothing_and_never_empties_the_queue(
    installation: Installation, amid_trainings: list[Kill], amid_publications: list[str]
) -> None:
    studio = installation.studio
    studio.annotate(*range(1, 7))
    for kill in amid_trainings:
        kill(installation)
    for point in amid_publications:
        kill_while_it_publishes(installation, point)
    assert installation.runs() == [*["failed"] * len(amid_trainings), "done"]

    studio.annotate(*range(7, 12))
    kill_while_it_publishes(installation, "after the push")
    worker = installation.worker(quick=True)
    until(lambda: len(installation.published()) == 2, "a new worker has published what others began")
    assert installation.published()[-1] == studio.queue
    assert studio.emptied == [], "annotators saw every task that waited, all the time"
    assert sorted(studio.shown) == list(range(12, IMAGES + 1)), "and see none of them twice"
    assert installation.observed() == studio.said
    worker.signal(signal.SIGINT)
    assert worker.ended_in_order(), worker.said


def test_a_server_killed_amid_webhooks_has_kept_what_it_acknowledged(installation: Installation) -> None:
    server, acknowledged = installation.server(), list[str | None]()
    senders = [threading.Thread(target=send, args=(installation, server, acknowledged)) for _ in range(4)]
    for each in senders:
        each.start()
    until(lambda: len(acknowledged) > 100, "webhooks stream in")
    server.kill()
    for each in senders:
        each.join()
    installation.server()
    assert set(acknowledged) <= installation.events()


def send(installation: Installation, server: Command, acknowledged: list[str | None]) -> None:
    """Send one webhook after another until the server is gone."""
    while server.alive:
        status, key = installation.webhook({"action": "TASKS_CREATED", "padding": "x" * 1000})
        if status == 200:
            acknowledged.append(key)
