"""SIGTERM and SIGINT to the real processes: each ends in order and in time, whatever it is doing."""

from __future__ import annotations

import signal
import threading
import time

import psutil
import pytest

from tests.processes.conftest import PATIENCE, Installation, nobody_writes_events_down, until

EACH = pytest.mark.parametrize(
    ("engine_name", "number"), [("sqlite", signal.SIGTERM), ("postgresql", signal.SIGINT)]
)


@EACH
def test_a_worker_puts_its_training_back_and_finishes_its_publication(
    installation: Installation, number: signal.Signals
) -> None:
    studio = installation.studio
    studio.annotate(*range(1, 7))
    worker = installation.worker(ONETAG_REQUEST_TIMEOUT="2")
    with studio.holding("an image") as reached:  # and Label Studio hangs
        assert reached.wait(PATIENCE), worker.said
        worker.signal(number)
        assert worker.ended_in_order(), worker.said
    assert installation.runs() == ["queued"]

    worker = installation.worker()
    with studio.holding("before the push") as reached:
        assert reached.wait(PATIENCE), worker.said
        worker.signal(number)
    assert worker.ended_in_order(), worker.said
    assert installation.runs() == ["done"]
    assert installation.published() == [studio.queue]
    assert installation.observed() == studio.said


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_a_worker_can_be_stopped_while_it_still_loads_the_learning_libraries(
    installation: Installation,
) -> None:
    worker = installation.worker()
    running = psutil.Process(worker.process.pid)
    until(lambda: running.nice() > psutil.Process().nice(), "it is about to")
    worker.signal(signal.SIGINT)
    assert worker.ended_in_order(), worker.said


@EACH
def test_a_server_can_be_stopped_while_it_still_starts(
    installation: Installation, number: signal.Signals
) -> None:
    server = installation.starting_server()
    server.signal(number)
    assert server.ended_in_order(), server.said


@EACH
def test_a_server_answers_what_it_has_begun(installation: Installation, number: signal.Signals) -> None:
    server, answers = installation.server(), list[tuple[int, str | None]]()
    assert installation.webhook({"action": "FIRST"})[0] == 200
    asking = threading.Thread(target=lambda: answers.append(installation.webhook({"action": "SECOND"})))
    with nobody_writes_events_down(installation.store):
        asking.start()
        time.sleep(0.5)  # it has been received, and waits
        server.signal(number)
        time.sleep(0.5)
        assert server.alive
    asking.join()
    assert server.ended_in_order(), server.said
    ((status, key),) = answers
    assert status == 200
    assert key in installation.events()
