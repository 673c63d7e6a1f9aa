"""Maps come after versions, one at a time, and never keep anything else waiting."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from annotator.settings import Settings
from annotator.store import Project, RunReason, Store, queue_run
from annotator.store.layouts import load_layout
from model_backend.engine.layout import lay_out_project
from model_backend.engine.resources import LearningResources
from model_backend.errors import LearningError
from model_backend.worker import layouts
from model_backend.worker.jobs import Jobs
from model_backend.worker.layouts import Layouts


@pytest.fixture
def projects(store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> list[Project]:
    made = [new_project(store, images=12, number=number) for number in (7, 8)]
    for project in made:
        tag(store, project, range(1, 9))
    return made


@pytest.fixture
def jobs(
    store: Store,
    worker_settings: Settings,
    studio: Any,
    resources: LearningResources,
    projects: list[Project],
) -> Jobs:
    """The jobs of a worker that has just trained."""
    made = Jobs(store, worker_settings, studio, resources)
    with store.session() as session:
        for project in projects:
            queue_run(session, project.id, RunReason.ASKED_FOR)
    list(made.train())
    return made


def placed(store: Store, project: Project) -> int:
    """How many images the project's map has."""
    with store.reading() as session:
        found = load_layout(session, project.id)
    return 0 if found is None else len(found.image_ids)


def test_after_a_training_the_map_is_due_and_then_there(
    store: Store, projects: list[Project], jobs: Jobs
) -> None:
    assert jobs.lay_out_due()
    jobs.lay_out()
    assert [placed(store, project) for project in projects] == [12, 12]
    assert not jobs.lay_out_due()


def test_one_thread_computes_and_others_leave(
    store: Store, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, going_on, calls = threading.Event(), threading.Event(), []

    def slow(*_: Any) -> None:
        calls.append(1)
        entered.set()
        assert going_on.wait(10)

    monkeypatch.setattr("model_backend.worker.layouts.lay_out_project", slow)
    first = threading.Thread(target=jobs.lay_out)
    first.start()
    assert entered.wait(10)
    assert not jobs.lay_out_due()
    jobs.lay_out()
    going_on.set()
    first.join()
    assert len(calls) == 2, "once a project"


def test_what_fails_is_put_off_and_other_projects_go_on(
    store: Store, projects: list[Project], jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(store: Store, resources: LearningResources, project_id: int, rest: Any) -> bool:
        if project_id == projects[0].id:
            raise LearningError("The cache cannot be read.")
        return lay_out_project(store, resources, project_id, rest)

    monkeypatch.setattr(layouts, "lay_out_project", failing)
    jobs.lay_out()
    assert [placed(store, project) for project in projects] == [0, 12]
    assert not jobs.lay_out_due()


def test_a_worker_that_stops_leaves_the_map_for_later(
    store: Store, projects: list[Project], jobs: Jobs, resources: LearningResources
) -> None:
    stop = threading.Event()
    stop.set()
    later = Layouts(store, resources, stop)
    later.run()
    assert placed(store, projects[0]) == 0
    assert later.due()
