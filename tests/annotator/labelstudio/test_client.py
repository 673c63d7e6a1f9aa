"""The API client, against a stand-in where Label Studio misbehaves and the real one where it does not."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.errors import OnetagError
from annotator.labelstudio.backends import ACTIONS, SECRET_HEADER
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.errors import LabelStudioMissing, LabelStudioRefused, LabelStudioUnauthorized
from annotator.labelstudio.predictions import prediction
from model_backend.stack.label_studio import LabelStudioProcess
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand

TICKS = parse_config(build_config(["cat", "dog", "tree"])).ticks
TOKEN = SecretStr("0123456789abcdef0123456789abcdef01234567")
SECRET = SecretStr("the-shared-secret")

NewStand = Callable[[Callable[[Asked], Answer]], Stand]
NewProject = Callable[..., int]


def test_importing_the_client_is_quick() -> None:
    heavy = "{'httpx', 'label_studio_sdk', 'numpy', 'torch', 'django'}"
    code = f"import sys, annotator.labelstudio.client; print({heavy} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "set()"


def test_predictions_are_pushed_in_batches_and_counted(new_stand: NewStand) -> None:
    stand = new_stand(lambda asked: Answer(201, {"created": len(asked.json)}))
    steps: list[tuple[int, int]] = []
    items = [prediction(["cat"], "v1", 0.5, TICKS, task=number) for number in range(1, 1201)]
    assert Studio(stand.url, TOKEN).push_predictions(9, items, lambda *step: steps.append(step)) == 1200
    assert [len(each.json) for each in stand.asked] == [500, 500, 200]
    assert steps == [(500, 1200), (1000, 1200), (1200, 1200)]
    assert Studio(stand.url, TOKEN).push_predictions(9, []) == 0


@pytest.mark.parametrize("answer", [{"created": 0}, {}, {"created": None}])
def test_predictions_that_are_silently_dropped_are_told(new_stand: NewStand, answer: Any) -> None:
    stand = new_stand(lambda _asked: Answer(201, answer))
    with pytest.raises(OnetagError, match="stored 0 of 1 predictions"):
        Studio(stand.url, TOKEN).push_predictions(9, [prediction(["cat"], "v1", 0.5, TICKS, task=1)])


def test_tasks_of_a_missing_project(new_stand: NewStand) -> None:
    with pytest.raises(LabelStudioMissing):
        list(Studio(new_stand(lambda _asked: Answer(404, {})).url, TOKEN).tasks(9))


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(403, {"detail": "URL resolves to a reserved network address"}), "BANNED_SUBNETS"),
        (
            Answer(400, {"validation_errors": ["Can't connect to ML backend, health check failed"]}),
            "onetag serve",
        ),
        (Answer(400, {"validation_errors": ["authentication parameters were incorrect"]}), "ONETAG_SECRET"),
    ],
)
def test_a_backend_that_cannot_be_connected_is_explained(
    new_stand: NewStand, answer: Answer, told: str
) -> None:
    stand = new_stand(lambda asked: Answer(body=[]) if asked.method == "GET" else answer)
    with pytest.raises(LabelStudioRefused, match=told) as caught:
        Studio(stand.url, TOKEN).upsert_backend(9, "http://10.0.0.7:9090", "v1", SECRET)
    assert SECRET.get_secret_value() not in str(caught.value)


# Against the real one


@pytest.fixture
def backend(new_stand: NewStand) -> Stand:
    """An ML backend that Label Studio can connect to."""
    return new_stand(
        lambda asked: Answer(body={"status": "UP"} if asked.path == "/health" else {"model_version": "v1"})
    )


def labelled(*names: str) -> list[dict[str, Any]]:
    return [
        {
            "id": "a",
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": [*names]},
        }
    ]


@pytest.mark.studio
def test_the_real_one_tells_who_it_is(studio: Studio) -> None:
    assert studio.version().startswith("1.")
    assert "@" in studio.whoami()["email"]


@pytest.mark.studio
def test_a_personal_token_opens_the_real_one(label_studio: LabelStudioProcess, studio: Studio) -> None:
    studio.http.request(
        "POST", "/api/jwt/settings", json={"api_tokens_enabled": True, "legacy_api_tokens_enabled": True}
    )
    personal = studio.http.request("POST", "/api/token/", json={})["token"]
    assert personal.count(".") == 2
    assert Studio(label_studio.url, SecretStr(personal)).whoami() == studio.whoami()
    with pytest.raises(LabelStudioUnauthorized):
        Studio(label_studio.url, SecretStr(personal[:-3] + "AAA")).whoami()


@pytest.mark.studio
def test_a_wrong_token_is_refused_by_the_real_one(label_studio: LabelStudioProcess) -> None:
    with pytest.raises(LabelStudioUnauthorized, match="ONETAG_LABEL_STUDIO_TOKEN"):
        Studio(label_studio.url, TOKEN).whoami()


@pytest.mark.studio
def test_projects(studio: Studio, new_studio_project: NewProject) -> None:
    project = new_studio_project()
    assert project in {each["id"] for each in studio.projects()}
    studio.update_project(project, label_config=build_config(["bird"]))
    assert "bird" in studio.project(project)["label_config"]
    with pytest.raises(LabelStudioRefused):
        studio.validate_config(project, "<View><Choices/></View>")
    with pytest.raises(LabelStudioMissing):
        studio.project(10**6)


@pytest.mark.studio
def test_tasks_are_read_over_several_pages(
    studio: Studio, new_studio_project: NewProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.labelstudio.listing.PAGE", 4)
    uris = tuple(f"data:,{number}" for number in range(10))
    project = new_studio_project(uris=uris)
    tasks = list(studio.tasks(project))
    assert [task["data"]["image"] for task in tasks] == list(uris)
    assert list(studio.annotated_tasks(project)) == []
    studio.annotate(tasks[3]["id"], labelled("cat"), lead_time=1.5)
    studio.annotate(tasks[5]["id"], [], skipped=True)
    told = {task["id"]: task["annotations"] for task in studio.annotated_tasks(project)}
    assert set(told) == {tasks[3]["id"], tasks[5]["id"]}
    assert told[tasks[3]["id"]][0]["result"] == labelled("cat")
    assert told[tasks[5]["id"]][0]["was_cancelled"] is True


@pytest.mark.studio
def test_the_queue_follows_the_version(studio: Studio, new_studio_project: NewProject) -> None:
    project = new_studio_project(uris=("data:,a", "data:,b", "data:,c"))
    tasks = [task["id"] for task in studio.tasks(project)]
    scores = {tasks[0]: 0.9, tasks[1]: 0.1, tasks[2]: 0.5}
    studio.push_predictions(
        project, [prediction(["dog"], "v1", score, TICKS, task=task) for task, score in scores.items()]
    )
    studio.set_queue(project, "v1")
    first = studio.next_task(project)
    assert first is not None
    assert first["id"] == tasks[1]
    studio.push_predictions(
        project, [prediction(["dog"], "v2", 1 - score, TICKS, task=task) for task, score in scores.items()]
    )
    studio.set_queue(project, "v2")
    studio.annotate(tasks[1], labelled("cat"))
    second = studio.next_task(project)
    assert second is not None
    assert second["id"] == tasks[0]
    for task in (tasks[0], tasks[2]):
        studio.annotate(task, labelled("cat"))
    assert studio.next_task(project) is None


@pytest.mark.studio
def test_a_page_that_is_open_can_be_submitted_after_a_new_version(
    studio: Studio, new_studio_project: NewProject
) -> None:
    """Submit names the prediction that was shown, and is refused once that one is deleted."""
    project = new_studio_project(uris=("data:,a", "data:,b"))
    tasks = [task["id"] for task in studio.tasks(project)]
    studio.push_predictions(project, [prediction(["dog"], "v1", 0.5, TICKS, task=task) for task in tasks])
    shown = [studio.task(task)["predictions"][0]["id"] for task in tasks]
    studio.push_predictions(project, [prediction(["dog"], "v2", 0.5, TICKS, task=task) for task in tasks])
    studio.set_queue(project, "v2")

    assert studio.clear_superseded(project, "v2", ["v1", "v2"], older_than=timedelta(hours=1)) == []
    assert (
        studio.annotate(tasks[0], labelled("cat"), parent_prediction=shown[0])["parent_prediction"]
        == shown[0]
    )
    assert studio.clear_superseded(project, "v2", ["v2"], older_than=timedelta(0)) == [], "not one of ours"
    assert studio.clear_superseded(project, "v2", ["v1", "v2"], older_than=timedelta(0)) == ["v1"]
    assert [(each.name, each.predictions) for each in studio.versions(project)] == [("v2", 2)]
    with pytest.raises(LabelStudioRefused, match="does not exist"):
        studio.annotate(tasks[1], labelled("cat"), parent_prediction=shown[1])


@pytest.mark.studio
def test_a_backend_is_connected_once_and_guarded(
    studio: Studio, new_studio_project: NewProject, backend: Stand
) -> None:
    project = new_studio_project()
    first = studio.connect_backend(project, backend.url, "v1", SECRET)
    assert studio.connect_backend(project, f"{backend.url}/", "v2", SECRET) == first
    (connected,) = studio.backends(project)
    assert (connected["title"], connected["url"]) == ("v2", backend.url)
    (webhook,) = studio.webhooks(project)
    assert webhook["headers"] == {SECRET_HEADER: SECRET.get_secret_value()}
    assert sorted(webhook["actions"]) == sorted(ACTIONS)
    assert webhook["send_for_all_actions"] is False
    basic = base64.b64encode(f"onetag:{SECRET.get_secret_value()}".encode()).decode()
    setups = [each for each in backend.asked if each.path == "/setup"]
    assert setups
    assert {each.headers.get("Authorization") for each in setups} == {f"Basic {basic}"}


@pytest.mark.studio
def test_events_arrive_with_the_secret(
    studio: Studio, new_studio_project: NewProject, backend: Stand
) -> None:
    project = new_studio_project(uris=("data:,a",))
    studio.connect_backend(project, backend.url, "v1", SECRET)
    studio.annotate(next(studio.tasks(project))["id"], labelled("cat"))
    hooks = [each for each in backend.asked if each.path == "/webhook"]
    assert [json.loads(each.body)["action"] for each in hooks].count("ANNOTATION_CREATED") == 1
    headers = [{name.lower(): value for name, value in each.headers.items()} for each in hooks]
    assert {each[SECRET_HEADER.lower()] for each in headers} == {SECRET.get_secret_value()}


@pytest.mark.studio
def test_a_webhook_that_outlived_its_backend_is_found(
    studio: Studio, new_studio_project: NewProject, backend: Stand
) -> None:
    project = new_studio_project()
    connection = studio.connect_backend(project, backend.url, "v1", SECRET)
    assert studio.orphans(project) == []
    studio.http.request("DELETE", f"/api/ml/{connection.backend}")
    assert [each["id"] for each in studio.orphans(project)] == [connection.webhook]
    studio.delete_webhook(connection.webhook)
    assert studio.orphans(project) == []
