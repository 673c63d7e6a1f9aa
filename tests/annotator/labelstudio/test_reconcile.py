"""Reconcile gives the records that webhooks would have given: proved with the real Label Studio."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.errors import LabelStudioUnreachable
from annotator.labelstudio.events import process_event
from annotator.labelstudio.predictions import prediction, region_id
from annotator.labelstudio.reconcile import reconcile
from annotator.labelstudio.secret_names import strip_secrets
from annotator.store import (
    Annotation,
    Image,
    Label,
    Observation,
    Project,
    Store,
    Unusable,
    live_labels,
    open_store,
    record_event,
    sync_labels,
)
from tests.annotator.labelstudio.conftest import LABELS, Answer, Asked, Stand

NewStand = Callable[[Callable[[Asked], Answer]], Stand]
TICKS = parse_config(build_config(["cat", "dog", "tree"])).ticks
SECRET = SecretStr("the-shared-secret")


@dataclass
class Side:
    """A store with the project in it: one is told by webhooks, the other asks."""

    store: Store
    project_id: int

    def records(self) -> dict[str, Any]:
        """All that is known, without the ids and times of this store."""
        with self.store.reading() as session:
            tasks = dict(session.execute(select(Image.id, Image.studio_task)).all())
            names = dict(session.execute(select(Label.id, Label.name)).all())
            live = session.scalars(select(Annotation).where(Annotation.retired_at.is_(None))).all()
            seen = session.scalars(select(Observation).where(Observation.retired_at.is_(None))).all()
            images = session.execute(select(Image.studio_task, Image.uri, Image.removed_at)).all()
            return {
                "images": sorted((task, uri, removed is not None) for task, uri, removed in images),
                "labels": [label.name for label in live_labels(session, self.project_id)],
                "annotations": sorted(
                    (
                        each.studio_annotation,
                        tasks[each.image_id],
                        str(each.result),
                        each.skipped,
                        each.annotator,
                        each.lead_time,
                        each.suggested_version,
                        str(each.suggested),
                        each.updated_at,
                    )
                    for each in live
                ),
                "observations": sorted(
                    (
                        tasks[each.image_id],
                        names[each.label_id],
                        each.value,
                        each.source,
                        each.suggested_version or "",
                    )
                    for each in seen
                ),
            }


@pytest.fixture
def new_side(sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[int, Studio], Side]]:
    stores: list[Store] = []

    def make(number: int, studio: Studio) -> Side:
        stores.append(open_store(f"sqlite:///{shutil.copy(sqlite_template, tmp_path / f'{len(stores)}.db')}"))
        with stores[-1].session() as session:
            config = build_config(LABELS)
            project = Project(
                studio_url=studio.url, studio_project=number, title="photos", label_config=config
            )
            session.add(project)
            session.flush()
            sync_labels(session, project, LABELS)
            return Side(stores[-1], project.id)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def backend(new_stand: NewStand) -> Stand:
    return new_stand(
        lambda asked: Answer(body={"status": "UP"} if asked.path == "/health" else {"model_version": "v1"})
    )


def region(control: str, *names: str, key: str = "a", origin: str = "manual") -> dict[str, Any]:
    value = {"choices": list(names)}
    return {
        "id": key,
        "from_name": control,
        "to_name": "image",
        "type": "choices",
        "origin": origin,
        "value": value,
    }


def deliver(side: Side, backend: Stand) -> list[str]:
    """Take in what the backend's webhook has got; returns the actions."""
    hooks = [each.json for each in backend.asked if each.path == "/webhook"]
    for sent in hooks:
        with side.store.session() as session:
            event = record_event(session, sent["action"], strip_secrets(sent), side.project_id)
            process_event(session, event)
            assert event.error is None
    backend.asked.clear()
    return [sent["action"] for sent in hooks]


def everything_an_annotator_does(studio: Studio, project: int) -> None:
    """Every row of the table, edits, skips, deletions and a bulk action, through Label Studio's own API."""
    tasks = [task["id"] for task in studio.tasks(project)]
    studio.push_predictions(
        project, [prediction(["dog", "tree"], "v1", 0.5, TICKS, task=task) for task in tasks]
    )
    studio.set_queue(project, "v1")
    shown = {task["id"]: task["predictions"][0]["id"] for task in map(studio.task, tasks)}
    cat = region("label", "cat")
    left = region("suggested", "dog", "tree", key=region_id("v1"), origin="prediction")
    changed = region("suggested", "dog", "car", key=region_id("v1"), origin="prediction-changed")
    answers = [
        [cat, left],
        [cat, changed],
        [cat],  # all suggestions unticked
        [cat, left, region("review", "Suggestions checked")],
        [cat, left, region("review", "All labels marked")],  # and no car, then
    ]
    made = [
        studio.annotate(task, answer, lead_time=1.25, parent_prediction=shown[task])["id"]
        for task, answer in zip(tasks, answers, strict=False)
    ]
    studio.annotate(tasks[5], [], skipped=True)
    studio.update_annotation(made[0], result=[region("label", "dog")])
    studio.delete_annotation(studio.annotate(tasks[6], [cat], parent_prediction=shown[tasks[6]])["id"])
    studio.annotate(tasks[6], [region("label", "car")])  # by hand: nothing was shown
    bulk = {"selectedItems": {"all": False, "included": [tasks[7]]}}
    studio.http.request("POST", f"/api/dm/actions?id=predictions_to_annotations&project={project}", json=bulk)
    studio.delete_task(tasks[8])


@pytest.mark.studio
def test_asking_gives_the_same_records_as_being_told(
    studio: Studio,
    new_studio_project: Callable[..., int],
    new_side: Callable[[int, Studio], Side],
    backend: Stand,
) -> None:
    project = new_studio_project(LABELS)
    told, asking = new_side(project, studio), new_side(project, studio)
    studio.connect_backend(project, backend.url, "v1", SECRET)
    studio.import_tasks(project, [{"data": {"image": f"data:,{number}"}} for number in range(9)])
    everything_an_annotator_does(studio, project)

    actions = deliver(told, backend)
    assert {*actions} == {
        "TASKS_CREATED",
        "PROJECT_UPDATED",
        "ANNOTATION_CREATED",
        "ANNOTATION_UPDATED",
        "ANNOTATIONS_DELETED",
        "ANNOTATIONS_CREATED",
        "TASKS_DELETED",
    }
    report = reconcile(asking.store, studio, asking.project_id)
    assert (report.tasks, report.recorded, report.problems) == (8, 8, [])
    by_event, by_asking = told.records(), asking.records()
    removed = [image for image in by_event["images"] if image[2]]
    assert len(removed) == 1
    by_event["images"].remove(removed[0])  # a task that came and went unseen leaves nothing to find
    assert by_asking == by_event
    assert {source for *_, source, _ in by_asking["observations"]} == {
        "tag",
        "added",
        "confirmed",
        "rejected",
        "complete",
    }

    assert not reconcile(told.store, studio, told.project_id), "nothing was missed"
    assert not reconcile(asking.store, studio, asking.project_id), "asking again changes nothing"


@pytest.mark.studio
def test_what_webhooks_never_tell_is_found(
    studio: Studio, new_studio_project: Callable[..., int], new_side: Callable[[int, Studio], Side]
) -> None:
    project = new_studio_project(LABELS)
    side = new_side(project, studio)
    imported = {"result": [region("label", "cat")], "lead_time": 2.0}
    studio.import_tasks(
        project, [{"data": {"image": "data:,a"}, "annotations": [imported]}, {"data": {"image": "data:,b"}}]
    )
    first = reconcile(side.store, studio, side.project_id)
    assert (first.images_added, first.recorded) == (2, 1)
    assert [seen[1:4] for seen in side.records()["observations"]] == [("cat", 1, "tag")]

    kept, gone = [task["id"] for task in studio.tasks(project)]
    (annotation,) = next(studio.annotated_tasks(project))["annotations"]
    studio.update_annotation(annotation["id"], result=[region("label", "dog")])
    studio.http.request("PATCH", f"/api/tasks/{kept}", json={"data": {"image": "data:,moved"}})
    studio.delete_task(gone)
    studio.update_project(project, label_config=build_config(["dog", "bird", "cat"]))
    second = reconcile(side.store, studio, side.project_id)
    assert (second.images_changed, second.images_removed, second.recorded) == (1, 1, 1)
    assert sorted(second.labels) == ["bird", "car", "tree"]
    records = side.records()
    assert records["labels"] == ["dog", "bird", "cat"]
    assert [seen[1:4] for seen in records["observations"]] == [("dog", 1, "tag")]

    studio.delete_annotation(annotation["id"])
    assert reconcile(side.store, studio, side.project_id).retired == 1
    assert side.records()["observations"] == []


@pytest.mark.studio
def test_a_clock_that_was_set_back_is_healed(
    studio: Studio, new_studio_project: Callable[..., int], new_side: Callable[[int, Studio], Side]
) -> None:
    project = new_studio_project(LABELS, uris=("data:,a", "data:,b"))
    side = new_side(project, studio)
    edited, deleted = [
        studio.annotate(task["id"], [region("label", "cat")])["id"] for task in studio.tasks(project)
    ]
    reconcile(side.store, studio, side.project_id)
    with side.store.session() as session:  # as if both had come while the clock was an hour ahead
        ahead = datetime.now(UTC) + timedelta(hours=1)
        session.execute(update(Annotation).values(updated_at=ahead))
    studio.update_annotation(edited, result=[region("label", "dog")])
    studio.delete_annotation(deleted)
    report = reconcile(side.store, studio, side.project_id)
    assert (report.recorded, report.retired) == (1, 1)
    assert [seen[1:4] for seen in side.records()["observations"]] == [("dog", 1, "tag")]
    assert not reconcile(side.store, studio, side.project_id)


@pytest.mark.studio
def test_a_label_config_without_our_controls_is_told_and_nothing_is_lost(
    studio: Studio, new_studio_project: Callable[..., int], new_side: Callable[[int, Studio], Side]
) -> None:
    project = new_studio_project(LABELS, uris=("data:,a",))
    side = new_side(project, studio)
    studio.annotate(next(studio.tasks(project))["id"], [region("label", "cat")])
    reconcile(side.store, studio, side.project_id)
    before = side.records()
    studio.update_project(project, label_config='<View><Text name="text" value="$image"/></View>')
    report = reconcile(side.store, studio, side.project_id)
    assert any('lacks <Image name="image"' in problem for problem in report.problems)
    assert side.records() == before


def test_a_studio_that_is_down_changes_nothing(new_side: Callable[[int, Studio], Side]) -> None:
    studio = Studio("http://127.0.0.1:9", SecretStr("0" * 40))
    side = new_side(1, studio)
    with pytest.raises(LabelStudioUnreachable):
        reconcile(side.store, studio, side.project_id)
    assert side.records()["images"] == []


def test_a_project_that_is_not_connected(new_side: Callable[[int, Studio], Side]) -> None:
    studio = Studio("http://127.0.0.1:9", SecretStr("0" * 40))
    side = new_side(1, studio)
    with pytest.raises(OnetagError, match="onetag connect"):
        reconcile(side.store, studio, side.project_id + 1)


def test_answers_to_a_task_that_names_no_image_are_kept(new_stand: NewStand, sqlite_store: Store) -> None:
    project, region = {"id": 5, "label_config": build_config(LABELS), "title": "t"}, "manual"
    answer = {
        "id": 1,
        "completed_by": 1,
        "was_cancelled": False,
        "updated_at": "2026-11-22T12:00:00Z",
        "result": [{"from_name": "label", "origin": region, "value": {"choices": ["cat"]}}],
    }

    def studio(asked: Asked) -> Answer:
        if asked.path.startswith("/api/projects/5"):
            return Answer(body=project | {"task_number": 1, "total_annotations_number": 1})
        task = {"id": 7, "data": {"image": ["/data/a.png"]}, "annotations": [answer]}
        return Answer(body={"total": 1, "tasks": [task] if "equal" not in asked.path else []})

    stand = new_stand(studio)
    with sqlite_store.session() as session:
        made = Project(studio_url=stand.url, studio_project=5, title="t", label_config=build_config(LABELS))
        session.add(made)
        session.flush()
        sync_labels(session, made, LABELS)
        project_id = made.id
    client = Studio(stand.url, SECRET)
    report = reconcile(sqlite_store, client, project_id)
    assert report.recorded == 1
    assert "holds a list" in report.problems[0]
    with sqlite_store.reading() as session:
        image = session.scalars(select(Image)).one()
        assert (image.uri, image.unusable) == ("", Unusable.NO_ADDRESS)
        assert session.scalars(select(Observation.value)).all() == [1]
    assert not reconcile(sqlite_store, client, project_id)
