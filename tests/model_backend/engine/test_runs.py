"""A run from the queue to its end, lost and found; its heartbeat while it is worked on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
import torch
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.labelstudio.errors import LabelStudioUnreachable
from annotator.store import (
    Project,
    RunFailure,
    RunGone,
    RunReason,
    Store,
    TrainingRun,
    claim_run,
    fail_lost_runs,
    finish_run,
    last_snapshot,
    next_queued_run,
    queue_run,
    release_run,
    retire_annotation,
    take_snapshot,
)
from annotator.store.runs import MAX_LOSSES
from annotator.store.watch import Watch
from model_backend.engine import runs
from model_backend.engine.runs import Heartbeat, Stopped, fail, readable
from model_backend.errors import LearningError


@pytest.fixture
def project(store: Store, new_project: Callable[..., Project]) -> Project:
    return new_project(store, images=3)


def queue(store: Store, project: Project) -> int:
    with store.session() as session:
        run = queue_run(session, project.id, RunReason.ASKED_FOR)
        assert run is not None
        return run.id


def start(store: Store, project: Project) -> int:
    run_id = queue(store, project)
    with store.session() as session:
        assert claim_run(session, run_id) is not None
    return run_id


def look_long(session: Session) -> list[int]:
    """What a worker that looks every ten seconds finds lost in half a minute, in which no heart beats."""
    watch = Watch(count(0.0, 10.0).__next__)
    return [project for _ in range(3) for project in fail_lost_runs(session, watch)]


def get(store: Store, run_id: int) -> TrainingRun:
    with store.reading() as session:
        return session.get_one(TrainingRun, run_id)


def states(store: Store) -> list[str]:
    with store.reading() as session:
        return list(session.scalars(select(TrainingRun.state).order_by(TrainingRun.id)))


def test_a_run_is_claimed_once(store: Store, project: Project) -> None:
    run_id = queue(store, project)
    with store.session() as session:
        assert claim_run(session, run_id) is not None
        assert claim_run(session, run_id) is None
    assert get(store, run_id).state == "running"


def test_many_workers_one_run_a_project(store: Store, project: Project) -> None:
    barrier = threading.Barrier(6)
    claimed: list[int] = []

    def work() -> None:
        barrier.wait(10)
        with store.session() as session:
            queue_run(session, project.id, RunReason.ASKED_FOR)
        with store.session() as session:
            run = next_queued_run(session)
            if run is not None and claim_run(session, run.id) is not None:
                claimed.append(run.id)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert states(store) == ["running"]
    assert len(claimed) == 1


def test_what_a_run_looks_at_is_noted_when_it_starts(
    store: Store, project: Project, tag: Callable[..., None]
) -> None:
    tag(store, project, [1, 2])
    run_id = start(store, project)
    run = get(store, run_id)
    assert (run.snapshot_changes, run.snapshot_images, len(run.snapshot_labels or ())) == (2, 3, 3)
    with store.session() as session:
        assert last_snapshot(session, project.id) is None, "only a run that ended counts"
        fail(session, run_id, OnetagError("It is broken.", "Mend it."))
        assert last_snapshot(session, project.id) == take_snapshot(session, project.id)


def test_a_retired_observation_is_news_too(store: Store, project: Project, tag: Callable[..., None]) -> None:
    tag(store, project, [1])
    with store.session() as session:
        before = take_snapshot(session, project.id)
        number = 10_000 * project.id + 1
        assert retire_annotation(session, session.get_one(Project, project.id), number, datetime.now(UTC))
        assert take_snapshot(session, project.id).changes == before.changes + 1


def test_a_stopped_run_waits_in_the_queue_again(store: Store, project: Project) -> None:
    run_id = start(store, project)
    with store.session() as session:
        release_run(session, run_id)
        again = next_queued_run(session)
        assert again is not None
        assert (again.id, again.state, again.heartbeat_at) == (run_id, "queued", None)


def test_a_silent_run_is_failed_with_its_reason_and_queued_again(store: Store, project: Project) -> None:
    run_id = start(store, project)
    with store.session() as session:
        assert look_long(session) == [project.id]
    assert states(store) == ["failed", "queued"]
    assert "worker stopped" in (get(store, run_id).error or "")
    with store.reading() as session:
        again = next_queued_run(session)
        assert again is not None
        assert again.reason is RunReason.WORKER_LOST
    assert get(store, run_id).failure is RunFailure.LOST


def test_a_training_that_kills_its_worker_every_time_is_not_tried_for_ever(
    store: Store, project: Project
) -> None:
    run_id = start(store, project)
    for _ in range(MAX_LOSSES - 1):
        with store.session() as session:
            look_long(session)
            again = next_queued_run(session)
            assert again is not None
            run_id = again.id
            assert claim_run(session, run_id) is not None
    with store.session() as session:
        assert look_long(session) == [project.id]
    assert states(store) == ["failed"] * MAX_LOSSES


def test_a_run_taken_for_lost_keeps_nothing_of_what_it_did(store: Store, project: Project) -> None:
    run_id = start(store, project)
    with store.session() as session:
        look_long(session)
    ends: list[Callable[[Session], None]] = [
        lambda session: finish_run(session, run_id, version_id=1, observations=1, metrics={}),
        lambda session: fail(session, run_id, OnetagError("It is late.", "Wait.")),
        lambda session: release_run(session, run_id),
    ]
    for end in ends:
        with pytest.raises(RunGone, match="taken for lost"), store.session() as session:
            end(session)
    assert states(store) == ["failed", "queued"]


def test_the_heart_beats_while_the_training_is_busy(
    store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HEARTBEAT_SECONDS", 0.05)
    run_id = start(store, project)
    began = get(store, run_id).beats
    with Heartbeat(store, run_id) as beat:
        beat.report("fitting", 0.4)
        deadline = datetime.now(UTC) + timedelta(seconds=10)
        while get(store, run_id).stage != "fitting" and datetime.now(UTC) < deadline:
            threading.Event().wait(0.05)
    run = get(store, run_id)
    assert (run.stage, run.progress) == ("fitting", 0.4)
    assert run.beats > began


def test_a_stopping_worker_ends_the_training_at_its_next_step(store: Store, project: Project) -> None:
    stop = threading.Event()
    with Heartbeat(store, start(store, project), stop) as beat:
        beat.report("fitting", 0.1)
        stop.set()
        with pytest.raises(Stopped):
            beat.report("fitting", 0.2)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_too_little_memory_is_told_with_what_to_do(error: Exception) -> None:
    assert "too little memory" in readable(error)
    assert "--device cpu" in readable(error)


def test_errors_are_told_whole_only_when_they_are_ours() -> None:
    assert readable(OnetagError("It broke.", "Do this.")) == "It broke. Do this."
    assert readable(LearningError("Do that.")) == "Do that."
    assert "s3cr3t" not in readable(RuntimeError("s3cr3t"))
    assert "RuntimeError" in readable(RuntimeError("s3cr3t"))


def test_the_longest_waiting_run_comes_first(store: Store, new_project: Callable[..., Project]) -> None:
    first, second = (queue(store, new_project(store, images=1, number=number)) for number in (1, 2))
    for expected in (first, second):
        with store.session() as session:
            run = next_queued_run(session)
            assert run is not None
            assert run.id == expected
            claim_run(session, run.id)
            fail(session, run.id, OnetagError("It is over.", "Go on."))


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (LabelStudioUnreachable("Nothing answers.", "Start it."), RunFailure.UNREACHED),
        (LearningError("Too few.", "Tag more."), RunFailure.ERROR),
        (RuntimeError("s3cr3t"), RunFailure.ERROR),
    ],
)
def test_a_failure_is_recorded_by_its_kind(
    store: Store, project: Project, error: Exception, failure: RunFailure
) -> None:
    run_id = start(store, project)
    with store.session() as session:
        fail(session, run_id, error)
    run = get(store, run_id)
    assert (run.state, run.failure, run.error) == ("failed", failure, readable(error))
