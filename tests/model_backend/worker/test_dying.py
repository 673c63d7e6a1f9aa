"""kill -9 at every stage of a training and of a publication: nothing is lost, and it is done again."""

from __future__ import annotations

import signal
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import func, select

from annotator.settings import Settings
from annotator.store import (
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    RunReason,
    RunState,
    Store,
    Suggestion,
    TrainingRun,
    fail_lost_runs,
    next_queued_run,
    queue_run,
)
from annotator.store.versions import active_version
from annotator.store.watch import Watch
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project, train_run
from tests.model_backend.worker.dying import (
    COMMITTED,
    COMMITTING,
    FileStudio,
    in_a_process,
    publish_and_die,
    train_and_die,
)

IMAGES, TAGGED = 16, 8
POINTS = ("before the push", "in the push", "after the push", "after the switch", "after clearing")


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=IMAGES)
    tag(sqlite_store, made, range(1, TAGGED + 1))
    return made


def counted(store: Store, *tables: type) -> list[int]:
    with store.reading() as session:
        return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def queued(store: Store, project: Project) -> int:
    with store.session() as session:
        run = queue_run(session, project.id, RunReason.NEW_OBSERVATIONS)
        assert run is not None
        return run.id


def found_lost(store: Store) -> int:
    """The run that a worker which looks every ten seconds queues in the place of the killed one."""
    watch = Watch(count(0.0, 10.0).__next__)
    for _ in range(3):
        with store.session() as session:
            fail_lost_runs(session, watch)
    with store.reading() as session:
        run = next_queued_run(session)
        assert run is not None
        assert run.reason is RunReason.WORKER_LOST
        return run.id


def test_a_training_killed_at_any_stage_leaves_nothing_half_and_is_done_again(
    sqlite_store: Store, project: Project, resources: LearningResources
) -> None:
    stages: dict[str, None] = {}
    train_project(sqlite_store, resources, project.id, progress=lambda stage, _: stages.update({stage: None}))
    assert {"features", "suggestions", "saving"} <= stages.keys()
    url = sqlite_store.url.render_as_string(hide_password=False)
    for stage in (*stages, COMMITTING, COMMITTED):
        before = counted(sqlite_store, Observation, ModelVersion, LabelVector, Suggestion)
        run_id = queued(sqlite_store, project)
        ended = in_a_process(train_and_die, url, resources.settings, run_id, stage)
        assert ended == -signal.SIGKILL, stage
        after = counted(sqlite_store, Observation, ModelVersion, LabelVector, Suggestion)
        with sqlite_store.reading() as session:
            state = session.get_one(TrainingRun, run_id).state
        if stage == COMMITTED:
            assert state is RunState.DONE
            assert after == [TAGGED, before[1] + 1, before[2] + IMAGES, before[3] + IMAGES]
            continue
        assert state is RunState.RUNNING, stage
        assert after == before, stage
        version = train_run(sqlite_store, resources, found_lost(sqlite_store))
        with sqlite_store.reading() as session:
            active = active_version(session, project.id)
            assert active is not None
            assert active.id == version.id
        whole = [TAGGED, before[1] + 1, before[2] + IMAGES, before[3] + IMAGES]
        assert counted(sqlite_store, Observation, ModelVersion, LabelVector, Suggestion) == whole, stage


@pytest.mark.parametrize("point", POINTS)
def test_a_publication_killed_at_any_point_never_empties_the_queue_and_is_done_again(
    sqlite_store: Store, project: Project, resources: LearningResources, tmp_path: Path, point: str
) -> None:
    settings, file = resources.settings, tmp_path / "studio.json"
    url = sqlite_store.url.render_as_string(hide_password=False)
    train_project(sqlite_store, resources, project.id)
    publish(sqlite_store, settings, project.id, FileStudio(file))
    second = train_project(sqlite_store, resources, project.id)
    if point == "after clearing":  # what an earlier attempt has left is cleared first
        assert _publish_in_a_process(url, settings, project, file, "in the push") == -signal.SIGKILL
    assert _publish_in_a_process(url, settings, project, file, point) == -signal.SIGKILL

    left = FileStudio(file)
    assert len(_shown(left)) == IMAGES - TAGGED, "annotators see every task that waits"
    publish(sqlite_store, settings, project.id, left)
    assert left.queue == second.name
    assert len(_shown(left)) == len(set(_shown(left))) == IMAGES - TAGGED, "nothing is there twice"


def _publish_in_a_process(
    url: str, settings: Settings, project: Project, file: Path, point: str
) -> int | None:
    return in_a_process(publish_and_die, url, settings, project.id, file, point)


def _shown(studio: FileStudio) -> list[int]:
    """The tasks of the queue's version."""
    return [each["task"] for each in studio.predictions if each["model_version"] == studio.queue]
