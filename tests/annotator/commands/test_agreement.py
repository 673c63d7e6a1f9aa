"""`onetag agreement`: what it tells, and what a real Label Studio then asks of several people."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from annotator.commands.agreement import agreement_command
from annotator.commands.status import collect
from annotator.errors import OnetagError
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.reconcile import reconcile
from annotator.store import Annotation, Observed, Project, Source, Store, sync_labels
from annotator.store.states import Review
from model_backend.stack.label_studio import LabelStudioProcess

Annotate = Callable[..., Annotation | None]


def run(store: Store, *arguments: str, **variables: str) -> Result:
    app = typer.Typer()
    app.command()(agreement_command)
    url = {"ONETAG_DATABASE_URL": store.url.render_as_string(hide_password=False)}
    return CliRunner().invoke(app, list(arguments), env=url | variables | {"COLUMNS": "200"})


@pytest.fixture
def answered(sqlite_store: Store, make_project: Callable[..., Project], annotate: Annotate) -> Store:
    """Two images that ann and bob answered both, and one that ann did alone."""
    with sqlite_store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", "dog", number=1, annotator="ann")
        annotate(session, project, "cat", "-dog", number=2, annotator="bob")
        annotate(session, project, "tree", task=102, number=3, annotator="ann")
        annotate(session, project, "tree", task=102, number=4, annotator="bob")
        annotate(session, project, "tree", task=103, number=5, annotator="ann")
    return sqlite_store


def test_it_tells_how_far_they_agree_and_on_what_they_do_not(answered: Store) -> None:
    told = " ".join(run(answered).stdout.split())
    # Of five yes and one no in three pairs: alpha = 1 - 5 * 1 / 5.
    assert (
        "2 shared images, 3 labels said by several: 67% of the statements agree (alpha 0.00), 1 ties" in told
    )
    assert "ann 2 of 3 as the others; present alone: dog 1" in told
    assert "bob 2 of 3 as the others; absent alone: dog 1" in told


def test_status_and_json_hold_the_same(answered: Store) -> None:
    found = json.loads(run(answered, "--json").stdout)
    assert (found["shared_images"], found["cells"], found["ties"], found["agree"]) == (2, 3, 1, 0.6667)
    assert {
        "annotator": "bob",
        "label": "dog",
        "both_present": 0,
        "both_absent": 0,
        "present_alone": 0,
        "absent_alone": 1,
    } in found["confusions"]
    (row,) = collect(answered)
    assert row["agreement"] | {"acceptance": row["acceptance"]} == found


def test_who_accepts_what_is_not_there_is_told_of_all_shared_images(
    sqlite_store: Store, make_project: Callable[..., Project], annotate: Annotate
) -> None:
    absent, confirmed = Observed("dog", -1, Source.COMPLETE), Observed("dog", 1, Source.CONFIRMED)
    with sqlite_store.session() as session:
        project = make_project(session, images=5)
        for task in range(101, 106):
            said = {"task": task, "review": Review.SUGGESTIONS}
            annotate(session, project, number=task, annotator="lazy", observed=[confirmed], **said)
            annotate(session, project, number=task + 50, annotator="careful", observed=[absent], **said)
    told = " ".join(run(sqlite_store).stdout.split())
    assert "lazy: 5 of 5 (57% to 100%); too many: trainings leave such confirmations out" in told
    assert "too many" not in run(sqlite_store, "--acceptance-limit", "0.6").stdout


def test_without_label_studio_nobody_can_be_asked(answered: Store) -> None:
    told = run(answered, "--shared", "0.1").exception
    assert isinstance(told, OnetagError)
    assert "onetag connect" in str(told)


@pytest.mark.studio
def test_label_studio_asks_a_share_of_the_images_of_two_and_what_one_answered_comes_first(
    studio: Studio,
    label_studio: LabelStudioProcess,
    new_studio_project: Callable[..., int],
    sqlite_store: Store,
) -> None:
    labels = ("cat", "dog")
    number = new_studio_project(labels, tuple(f"data:,{each}" for each in range(20)))
    tasks = [int(task["id"]) for task in studio.tasks(number)]
    with sqlite_store.session() as session:
        project = Project(studio_url=studio.url, studio_project=number, title="t", label_config="")
        project.label_config = build_config(labels)
        session.add(project)
        session.flush()
        sync_labels(session, project, labels)
        project_id = project.id
    items: list[dict[str, Any]] = [
        {"task": task, "score": 0.01 * place, "model_version": "v1", "result": []}
        for place, task in enumerate(tasks)
    ]
    studio.push_predictions(number, items)
    studio.set_queue(number, "v1")
    access = {
        "ONETAG_LABEL_STUDIO_URL": studio.url,
        "ONETAG_LABEL_STUDIO_TOKEN": label_studio.credentials.token.get_secret_value(),
    }

    def overlaps() -> dict[int, int]:
        return {
            int(task["id"]): int(studio.task(int(task["id"]))["overlap"]) for task in studio.tasks(number)
        }

    assert set(overlaps().values()) == {1}, "at first nobody is asked twice"
    said = run(sqlite_store, "--shared", "0.2", **access)
    assert (said.exit_code, "20% of the images are asked of 2 people each" in said.stdout) == (0, True)
    shared = [task for task, people in overlaps().items() if people == 2]
    assert len(shared) == 4
    other = studio.http.request("POST", "/api/users/", json={"email": "b@example.com", "username": "bob"})
    cat = {"id": "a", "from_name": "label", "to_name": "image", "type": "choices"}
    sent = {"result": [cat | {"value": {"choices": ["cat"]}}], "lead_time": 2.0, "completed_by": other["id"]}
    studio.http.request("POST", f"/api/tasks/{shared[-1]}/annotations", json=sent)
    alone = next(task for task in tasks if task not in shared)
    studio.http.request("POST", f"/api/tasks/{alone}/annotations", json=sent)
    handed = studio.next_task(number)
    assert handed is not None
    assert handed["id"] == shared[-1], "before all others, whatever their scores"
    studio.annotate(shared[-1], sent["result"], lead_time=3.0)
    reconcile(sqlite_store, studio, project_id)
    (row,) = collect(sqlite_store)
    assert (row["agreement"]["shared_images"], row["agreement"]["agree"]) == (1, 1.0)
    run(sqlite_store, "--shared", "0", **access)
    assert set(overlaps().values()) == {1}
