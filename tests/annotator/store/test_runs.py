"""Training runs: at most one a project is open, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from sqlalchemy.exc import IntegrityError

from annotator.store import (
    Project,
    RunFailure,
    RunReason,
    RunState,
    Store,
    TrainingRun,
    claim_run,
    fail_lost_runs,
    fail_run,
    finish_run,
    open_run,
    queue_run,
    report_run,
)
from annotator.store.runs import queue_in_place_of_damaged
from annotator.store.types import utc_now
from annotator.store.watch import Watch

MakeProject = Callable[..., Project]


def test_a_run_from_the_queue_to_its_end(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        run = queue_run(session, project.id, RunReason.ASKED_FOR, {"loss": "role"})
        assert run is not None
        assert claim_run(session, run.id) is run
        assert claim_run(session, run.id) is None
        report_run(session, run.id, "fitting", 0.5)
        session.refresh(run)
        assert (run.state, run.stage, run.progress, run.recipe) == (
            "running",
            "fitting",
            0.5,
            {"loss": "role"},
        )
        finish_run(session, run.id, version_id=None, observations=1, metrics={"map": float("nan")})
        session.flush()
        session.refresh(run)
        assert (run.state, run.progress, run.metrics, run.error) == ("done", 1.0, {"map": None}, None)
        assert open_run(session, project.id) is None


def test_a_second_run_waits_for_the_first(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project, other = make_project(session), make_project(session, title="Plants")
        first = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert first is not None
        assert queue_run(session, project.id, RunReason.ASKED_FOR) is None
        claim_run(session, first.id)
        assert queue_run(session, project.id, RunReason.ASKED_FOR) is None
        assert queue_run(session, other.id, RunReason.ASKED_FOR) is not None
        fail_run(session, first.id, RunFailure.ERROR, "No image could be read.")
        assert queue_run(session, project.id, RunReason.ASKED_FOR) is not None


def test_the_database_itself_refuses_two_open_runs(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
    both = [
        TrainingRun(project_id=project.id, reason=RunReason.ASKED_FOR, state=state)
        for state in (RunState.QUEUED, RunState.RUNNING)
    ]
    with pytest.raises(IntegrityError), store.session() as session:
        session.add_all(both)


def test_of_several_that_queue_at_once_one_wins(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
    start, queued = threading.Barrier(4), list[TrainingRun | None]()

    def queue() -> None:
        start.wait(10)
        with store.session() as session:
            queued.append(queue_run(session, project.id, RunReason.ASKED_FOR))

    threads = [threading.Thread(target=queue) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(run is None for run in queued) == [False, True, True, True]


def looking_every_ten_seconds() -> Watch:
    return Watch(count(0.0, 10.0).__next__)


def test_a_silent_run_is_found(store: Store, make_project: MakeProject) -> None:
    watch = looking_every_ten_seconds()
    with store.session() as session:
        project = make_project(session)
        run = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert run is not None
        assert [fail_lost_runs(session, watch) for _ in range(4)] == [[]] * 4, "one that waits is not lost"
        claim_run(session, run.id)
        assert fail_lost_runs(session, watch) == fail_lost_runs(session, watch) == []
        assert fail_lost_runs(session, watch) == [project.id]
        assert run.state == "failed"
        assert "worker stopped" in (run.error or "")
        again = open_run(session, project.id)
        assert again is not None
        assert (again.state, again.reason) == (RunState.QUEUED, RunReason.WORKER_LOST)


@pytest.mark.parametrize("step", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "forward"])
def test_a_clock_that_steps_neither_hides_a_lost_run_nor_takes_a_live_one_for_lost(
    store: Store, make_project: MakeProject, step: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, now = looking_every_ten_seconds(), utc_now()
    with store.session() as session:
        dead, alive = (
            queue_run(session, make_project(session, title=each).id, RunReason.ASKED_FOR)
            for each in ("dead", "alive")
        )
        assert dead is not None
        assert alive is not None
        for run in (dead, alive):
            claim_run(session, run.id)
        assert fail_lost_runs(session, watch) == []
        monkeypatch.setattr("annotator.store.runs.utc_now", lambda: now + step)
        found = []
        for _ in range(3):
            report_run(session, alive.id, "fitting", 0.5)
            found += fail_lost_runs(session, watch)
        assert found == [dead.project_id]
        session.refresh(alive)
        assert alive.state is RunState.RUNNING


def test_a_damaged_version_is_made_again_unless_that_has_just_failed(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session)
        run = queue_in_place_of_damaged(session, project.id)
        assert run is not None
        assert queue_in_place_of_damaged(session, project.id) is None, "one waits already"
        claim_run(session, run.id)
        fail_run(session, run.id, RunFailure.ERROR, "Too few tags.")
        assert queue_in_place_of_damaged(session, project.id) is None, "it would fail for ever"
        other = queue_run(session, project.id, RunReason.NEW_OBSERVATIONS)
        assert other is not None
        claim_run(session, other.id)
        finish_run(session, other.id, version_id=None, observations=1, metrics={})
        assert queue_in_place_of_damaged(session, project.id) is not None
