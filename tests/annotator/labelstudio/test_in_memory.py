"""The model of Label Studio in memory behaves as the real one: its listings, counts, numbers and events."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand
from tests.annotator.labelstudio.in_memory import InMemory, result

LABELS = ("cat", "dog", "tree")
SECRET = SecretStr("the-shared-secret")
NewStand = Callable[[Callable[[Asked], Answer]], Stand]
Act = tuple[str, Callable[[], Any], Callable[[], Any]]
KEPT = ("was_cancelled", "ground_truth", "result")


def listed(pages: Any) -> list[tuple[int, list[tuple[int, dict[str, Any]]]]]:
    """(task, its annotations) without moments, in the order of their numbers."""
    found = []
    for task in (task for page in pages for task in page):
        answers = sorted(task["annotations"], key=lambda each: int(each["id"]))
        found.append((task["id"], [(each["id"], {name: each[name] for name in KEPT}) for each in answers]))
    return found


def events(stand: Stand, model: InMemory) -> tuple[list[Any], list[Any]]:
    """The gist of what both sent, in order; forgotten then."""
    sent = [each.json for each in stand.asked if each.path == "/webhook"]
    told = [payload for _action, payload in model.outbox]
    stand.asked.clear()
    model.outbox.clear()
    return [gist(each) for each in sent], [gist(each) for each in told]


def gist(payload: dict[str, Any]) -> tuple[str, int, str]:
    """Its action, how many it is about, and when the project was saved."""
    project = payload["project"]
    for name in ("id", "created_at", "updated_at", "label_config"):
        assert project[name], name
    annotation = payload.get("annotation") or {}
    if annotation:
        needed = {*KEPT, "id", "task", "created_at", "updated_at", "completed_by", "lead_time"}
        assert needed <= annotation.keys()
        assert payload["task"]["id"] == annotation["task"]
    several = [each["id"] for name in ("annotations", "tasks") for each in payload.get(name, ())]
    return payload["action"], 1 if annotation else len(several), project["updated_at"]


@pytest.mark.studio
@pytest.mark.timeout(600)
def test_the_model_does_what_the_real_one_does(
    studio: Studio, new_studio_project: Callable[..., int], new_stand: NewStand
) -> None:
    backend = new_stand(
        lambda asked: Answer(body={"status": "UP"} if asked.path == "/health" else {"model_version": "v1"})
    )
    project = new_studio_project(LABELS)
    studio.connect_backend(project, backend.url, "v1", SECRET)
    backend.asked.clear()
    model = InMemory(project, LABELS)
    tasks: dict[int, int] = {}  # of the model -> of the real one
    numbers: dict[int, int] = {}
    moments: dict[str, list[str]] = {}

    def add(annotated: str | None = None) -> None:
        answers = {"annotations": [{"result": result([annotated])}]} if annotated else {}
        studio.import_tasks(project, [{"data": {"image": "data:,x"}, **answers}])

    def page(task: int, *ticked: str, edits: int | None = None, skip: bool = False) -> None:
        model.open(1, task, edits)
        model.wait(2)
        model.submit(model.pages[-1], list(ticked), skip=skip)

    def annotate(task: int, *ticked: str) -> None:
        said = result(list(ticked)) if ticked else []
        studio.annotate(tasks[task], said, lead_time=2.0, skipped=not ticked)

    def bulk_delete(task: int) -> None:
        sent = {"selectedItems": {"all": False, "included": [tasks[task]]}}
        path = f"/api/dm/actions?id=delete_tasks_annotations&project={project}"
        studio.http.request("POST", path, json=sent)

    def edit(number: int, **fields: Any) -> None:
        studio.update_annotation(numbers[number], **fields)

    wider = (*LABELS, "bird")
    acts: list[Act] = [
        ("a task", lambda: model.add_task(), lambda: add()),
        ("another", lambda: model.add_task(), lambda: add()),
        ("one with an answer", lambda: model.add_task(annotated_with="dog"), lambda: add("dog")),
        ("an answer", lambda: page(1, "cat"), lambda: annotate(1, "cat")),
        ("a skip", lambda: page(2, "cat", skip=True), lambda: annotate(2)),
        ("a second answer", lambda: page(1, "dog"), lambda: annotate(1, "dog")),
        ("an edit", lambda: page(1, "tree", edits=2), lambda: edit(2, result=result(["tree"]))),
        ("a star", lambda: model.star(2), lambda: edit(2, ground_truth=True)),
        ("its going", lambda: model.star(4), lambda: edit(4, ground_truth=True)),
        (
            "other data",
            lambda: model.change_data(3),
            lambda: studio.update_task(tasks[3], {"image": "data:,y"}),
        ),
        ("a deletion", lambda: model.delete(4), lambda: studio.delete_annotation(numbers[4])),
        ("its number again", lambda: model.add_task(annotated_with="cat"), lambda: add("cat")),
        ("one more answer", lambda: page(2, "dog"), lambda: annotate(2, "dog")),
        ("a bulk deletion", lambda: model.delete(3, 5), lambda: bulk_delete(2)),
        (
            "a label",
            lambda: model.configure(wider),
            lambda: studio.update_project(project, label_config=build_config(wider)),
        ),
        ("the end of a task", lambda: model.delete_task(4), lambda: studio.delete_task(tasks[4])),
        ("its number, too", lambda: model.add_task(), lambda: add()),
    ]
    for name, modelled, done in acts:
        since, model_since = studio.census(project).at, model.now
        model.wait(5)
        time.sleep(1.1)  # the clock is told to the second
        modelled()
        done()
        happened, told = events(backend, model)
        there = [each["id"] for task in studio.annotated_tasks(project) for each in task["annotations"]]
        tasks |= dict.fromkeys(model.tasks.keys() - tasks, max(task["id"] for task in studio.tasks(project)))
        numbers |= dict.fromkeys(model.annotations.keys() - numbers, max(there, default=0))
        assert since is not None
        changed = listed(model.changed_pages(project, model_since + timedelta(seconds=1)))
        assert listed(studio.changed_pages(project, since + timedelta(seconds=1))) == [
            (tasks[task], [(numbers[number], said) for number, said in answers]) for task, answers in changed
        ], name
        census, counted = studio.census(project), model.census(project)
        assert (census.tasks, census.answers) == (counted.tasks, counted.answers), name
        assert [each[:2] for each in happened] == [each[:2] for each in told], name
        for sent in (happened, told):
            assert name != "a label" or sent[0][2] > max(moments["a star"]), "as old as its label config"
        moments[name] = [saved for _, _, saved in happened]
