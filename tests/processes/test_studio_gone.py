"""Label Studio goes away and comes back while a real worker runs, which goes on by itself."""

from __future__ import annotations

import signal

import pytest

from tests.processes.conftest import PATIENCE, Installation, until


@pytest.mark.parametrize("engine_name", ["sqlite"])
def test_what_failed_meanwhile_is_done_again_without_a_restart(installation: Installation) -> None:
    studio = installation.studio
    studio.annotate(*range(1, 7))
    worker = installation.worker(quick=True)
    with studio.holding("an image") as reached:
        assert reached.wait(PATIENCE), worker.said
        studio.leave()
    until(lambda: installation.runs() == ["failed"], "the training has failed")

    studio.broken = 502  # as a proxy answers before its Label Studio is up
    studio.come_back()
    until(lambda: "is asked again" in worker.said, "the worker has noticed")
    assert installation.runs() == ["failed"]

    with studio.holding("after the push") as reached:
        studio.broken = None
        assert reached.wait(PATIENCE), worker.said
        assert installation.runs() == ["failed", "done"], "the training is done again"
        studio.leave()
    until(lambda: "waits to be published" in worker.said, "the queue could not be switched")
    studio.come_back()
    until(installation.published, "its version is published")
    assert installation.observed() == studio.said
    assert sorted(studio.shown) == list(range(7, len(studio.tasks) + 1))
    worker.signal(signal.SIGTERM)
    assert worker.ended_in_order(), worker.said
