"""The round trip with a real Label Studio: webhook, training, reordered queue, predictions."""

import base64
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import LABEL, build_config
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.labelstudio.reconcile import reconcile
from annotator.settings import Settings
from annotator.store import (
    Event,
    ModelVersion,
    Observation,
    Project,
    Publication,
    Store,
    move_arrivals,
)
from model_backend.engine.first_order import order_first_questions
from model_backend.engine.predict import Predictor
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources
from model_backend.server import create_app, open_server
from model_backend.stack.label_studio import LabelStudioProcess
from model_backend.worker.jobs import Jobs
from tests.free_ports import free_port

from .conftest import Nudges

pytestmark = pytest.mark.studio

COLOURS = ("red", "green", "blue")
IMAGES = 16


@dataclass
class Loop:
    """A project of Label Studio, connected to our server, and the worker's jobs to be called by hand."""

    studio: Studio
    number: int
    store: Store
    settings: Settings
    project_id: int
    jobs: Jobs

    def tag(self, task: int, label: str) -> dict[str, Any]:
        region = {"from_name": LABEL, "to_name": "image", "type": "choices", "value": {"choices": [label]}}
        return self.studio.annotate(task, [region | {"origin": "manual"}], lead_time=2.0)

    def tasks(self) -> list[int]:
        return [int(task["id"]) for task in self.studio.tasks(self.number)]

    def train(self) -> ModelVersion:
        assert self.jobs.consider(self.project_id).queued
        assert self.jobs.train() == [self.project_id]
        with self.store.reading() as session:
            return session.scalars(
                select(ModelVersion).order_by(ModelVersion.id.desc())
            ).first() or pytest.fail("there is no version")

    def wait_for_events(self, action: str, count: int) -> None:
        wanted = select(func.count(Event.id)).where(Event.action == action)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            move_arrivals(self.store)
            with self.store.reading() as session:
                if (session.scalar(wanted) or 0) >= count:
                    return
            time.sleep(0.05)
        pytest.fail(f"{count} events {action} did not arrive")


@pytest.fixture
def loop(
    label_studio: LabelStudioProcess,
    new_studio_project: Callable[..., int],
    sqlite_store: Store,
    engine_settings: Settings,
    resources: LearningResources,
    paint: Callable[[int], bytes],
) -> Iterator[Loop]:
    studio = label_studio.studio()
    uris = tuple(f"data:image/png;base64,{base64.b64encode(paint(n)).decode()}" for n in range(1, IMAGES + 1))
    number = new_studio_project(COLOURS, uris)
    settings = engine_settings.model_copy(update={"label_studio_url": studio.url, "port": free_port()})
    with sqlite_store.session() as session:
        project_id = get_or_create_project(session, studio.url, Identity(number), build_config(COLOURS)).id
    reconcile(sqlite_store, studio, project_id)
    bench = LearningResources(settings, _inline, resources.backbone)
    app = create_app(sqlite_store, settings, Nudges(), Predictor(sqlite_store, settings, lambda: bench))
    server = open_server(app, settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    assert settings.secret is not None
    address = f"http://127.0.0.1:{settings.port}"
    studio.connect_backend(number, address, "onetag", settings.secret)
    yield Loop(
        studio, number, sqlite_store, settings, project_id, Jobs(sqlite_store, settings, studio, bench)
    )
    for webhook in studio.webhooks(number):
        studio.delete_webhook(int(webhook["id"]))
    server.close()
    thread.join(10)


def _inline(uri: str) -> bytes:
    return base64.b64decode(uri.partition(",")[2])


def test_from_submit_to_the_reordered_queue(loop: Loop) -> None:
    for index, task in enumerate(loop.tasks()[:6]):
        loop.tag(task, COLOURS[index % 3])
    loop.wait_for_events("ANNOTATION_CREATED", 6)
    loop.jobs.process_inbox()
    with loop.store.reading() as session:
        assert session.scalar(select(func.count(Observation.id))) == 6
    version = loop.train()

    project = loop.studio.project(loop.number)
    assert project["model_version"] == version.name
    assert project["sampling"] == "Uncertainty sampling"
    assert [(each.name, each.predictions) for each in loop.studio.versions(loop.number)] == [
        (version.name, 10)
    ]
    first = loop.studio.next_task(loop.number)
    assert first is not None
    scores = {task: loop.studio.task(task)["predictions"][0]["score"] for task in loop.tasks()[6:]}
    assert scores[first["id"]] == min(scores.values())

    _forget_that_it_was_published(loop.store)
    assert publish(loop.store, loop.settings, loop.project_id, loop.studio) == 0, (
        "the queue follows it by now"
    )
    _forget_that_it_was_published(loop.store)
    loop.studio.set_queue(loop.number, "")  # as if it had been killed before the switch
    assert publish(loop.store, loop.settings, loop.project_id, loop.studio) == 10
    assert loop.studio.queue_version(loop.number) == version.name
    assert [each.predictions for each in loop.studio.versions(loop.number)] == [10], "no duplicates"


def test_before_the_first_version_typical_images_of_every_kind_are_asked(
    loop: Loop, resources: LearningResources
) -> None:
    bench = LearningResources(loop.settings, _inline, resources.backbone)
    tasks = loop.tasks()
    order_first_questions(loop.store, bench, loop.project_id, loop.studio)
    scores = {task: loop.studio.task(task)["predictions"][0]["score"] for task in tasks}
    assert len(set(scores.values())) == IMAGES
    asked = []
    for _ in range(6):
        following = loop.studio.next_task(loop.number)
        assert following is not None
        asked.append(int(following["id"]))
        loop.tag(asked[-1], COLOURS[len(asked) % 3])
    assert asked == sorted(tasks, key=lambda task: scores[task])[:6]
    assert {(1 + tasks.index(task)) % 3 for task in asked} == {0, 1, 2}, "every kind of picture"

    loop.wait_for_events("ANNOTATION_CREATED", 6)
    loop.jobs.process_inbox()
    version = loop.train()
    assert loop.studio.queue_version(loop.number) == version.name, "the first version takes over"


def _forget_that_it_was_published(store: Store) -> None:
    """As if the worker had been killed just before it could note so."""
    with store.session() as session:
        version = session.scalars(select(ModelVersion)).one()
        version.publication = Publication.PUBLISHING


def test_a_newer_version_takes_over_and_the_old_one_goes_later(
    loop: Loop, monkeypatch: pytest.MonkeyPatch
) -> None:
    tasks = loop.tasks()
    for task in tasks[:5]:
        loop.tag(task, "red")
    loop.wait_for_events("ANNOTATION_CREATED", 5)
    loop.jobs.process_inbox()
    old = loop.train()
    for task in tasks[5:10]:
        loop.tag(task, "blue")
    loop.wait_for_events("ANNOTATION_CREATED", 10)
    loop.jobs.process_inbox()
    new = loop.train()
    loop.jobs.tidy(loop.project_id)
    assert {each.name for each in loop.studio.versions(loop.number)} == {old.name, new.name}, (
        "pages may be open"
    )
    monkeypatch.setattr("model_backend.engine.publish.PAGE_OPEN", timedelta(seconds=-60))
    loop.jobs.tidy(loop.project_id)
    assert {each.name for each in loop.studio.versions(loop.number)} == {new.name}


def test_label_studio_asks_for_many_predictions_at_once(loop: Loop, paint: Callable[[int], bytes]) -> None:
    for task in loop.tasks()[:5]:
        loop.tag(task, "red")
    loop.wait_for_events("ANNOTATION_CREATED", 5)
    loop.jobs.process_inbox()
    version = loop.train()
    more = [
        {"data": {"image": f"data:image/png;base64,{base64.b64encode(paint(n)).decode()}"}}
        for n in range(100, 140)
    ]
    loop.studio.import_tasks(loop.number, more)
    everything = {"all": True, "excluded": []}
    loop.studio.http.request(
        "POST",
        f"/api/dm/actions?id=retrieve_tasks_predictions&project={loop.number}",
        json={"selectedItems": everything, "ordering": []},
        timeout=60,
    )
    with loop.store.reading() as session:
        known = session.get_one(Project, loop.project_id)
    assert known.active_version_id == version.id
    by_task = {task: loop.studio.task(task)["predictions"] for task in loop.tasks()[IMAGES:]}
    assert len(by_task) == 40
    assert all(predictions[0]["model_version"] == version.name for predictions in by_task.values())
