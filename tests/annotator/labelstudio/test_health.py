"""Each link between Label Studio and the backend, whole and broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config, parse_config
from annotator.labelstudio.health import Check, Published, check_project, check_studio
from annotator.labelstudio.predictions import prediction
from tests.annotator.labelstudio.conftest import Answer, Asked, Stand

TICKS = parse_config(build_config(["cat", "dog", "tree"])).ticks
SECRET = SecretStr("the-shared-secret")


@pytest.fixture
def backend(new_stand: Callable[[Callable[[Asked], Answer]], Stand]) -> Stand:
    def answer(asked: Asked) -> Answer:
        return Answer(body={"status": "UP"} if asked.path == "/health" else {"model_version": "v1"})

    return new_stand(answer)


def broken(checks: list[Check]) -> dict[str, str]:
    """What is wrong, by name; each must say what to do."""
    assert all(check.ok or (check.detail and check.fix) for check in checks)
    assert all(SECRET.get_secret_value() not in f"{check}" for check in checks)
    return {check.name: check.detail for check in checks if not check.ok}


WAITING = Published("v1", left=3, suggested=2)


def test_a_studio_that_is_down() -> None:
    assert "Nothing answers" in broken(check_studio(Studio("http://127.0.0.1:9", SECRET)))["Label Studio"]


@pytest.mark.studio
def test_a_project_from_nothing_to_whole(
    studio: Studio, new_studio_project: Callable[..., int], backend: Stand
) -> None:
    assert broken(check_studio(studio)) == {}
    project = new_studio_project(uris=("data:,a",))
    assert set(broken(check_project(studio, project, backend.url, SECRET))) == {"ML backend", "webhook"}

    connection = studio.connect_backend(project, backend.url, "v1", SECRET)
    assert broken(check_project(studio, project, backend.url, SECRET)) == {}
    assert "queue" in broken(check_project(studio, project, backend.url, SECRET, published=WAITING))

    task = next(studio.tasks(project))["id"]
    studio.push_predictions(project, [prediction(["cat"], "v1", 0.5, TICKS, task=task)])
    studio.set_queue(project, "v1")
    checks = check_project(studio, project, f"{backend.url}/", SECRET, published=WAITING)
    assert broken(checks) == {}
    assert len(checks) == 6

    for done, told in ((Published("v2", 0, 0), "all answered"), (Published("v2", 4, 0), "4 images are left")):
        (queue,) = [each for each in check_project(studio, project, backend.url, SECRET, published=done)
                    if each.name == "queue"]  # fmt: skip
        assert queue.ok
        assert told in queue.detail

    studio.upsert_backend(project, backend.url, "v2", SECRET)
    assert studio.project(project)["model_version"] == "v2", (
        "Label Studio takes the version along with the title"
    )
    studio.set_queue(project, "v1")
    assert (
        "title is v2"
        in broken(check_project(studio, project, backend.url, SECRET, published=WAITING))["queue"]
    )
    assert (
        "lacks the secret" in broken(check_project(studio, project, backend.url, SecretStr("x")))["webhook"]
    )
    studio.http.request(
        "PATCH",
        f"/api/webhooks/{connection.webhook}/",
        json={"url": f"{backend.url}/webhook", "is_active": False},
    )
    assert "switched off" in broken(check_project(studio, project, backend.url, SECRET))["webhook"]


@pytest.mark.studio
def test_a_project_that_was_tampered_with(
    studio: Studio, new_studio_project: Callable[..., int], backend: Stand
) -> None:
    project = new_studio_project()
    connection = studio.connect_backend(project, backend.url, "v1", SECRET)
    studio.update_project(project, label_config='<View><Text name="t" value="$t"/></View>')
    backend.answer = lambda _asked: Answer(500, {})
    told = broken(check_project(studio, project, backend.url, SECRET))
    assert set(told) == {"label config", "ML backend"}
    studio.http.request("DELETE", f"/api/ml/{connection.backend}")
    assert "orphan webhooks" in broken(check_project(studio, project, backend.url, SECRET))


@pytest.mark.studio
def test_a_project_that_does_not_exist(studio: Studio) -> None:
    assert set(broken(check_project(studio, 10**6, "http://127.0.0.1:9", SECRET))) == {"project 1000000"}


def test_checking_changes_nothing(new_stand: Callable[..., Stand]) -> None:
    backend = {"id": 3, "url": "http://10.0.0.7:9090", "title": "v1", "state": "CO"}
    answers: dict[str, Any] = {
        "/api/projects/9": {"title": "Pets", "label_config": build_config(["cat"]), "model_version": "v1"},
        "/api/ml": [backend],
        "/api/ml/3": backend,
        "/api/webhooks/": [],
    }
    stand = new_stand(lambda asked: Answer(200, answers[asked.path.partition("?")[0]]))
    check_project(Studio(stand.url, SECRET), 9, str(backend["url"]), SECRET, published=WAITING)
    assert len(stand.asked) >= 4
    assert {asked.method for asked in stand.asked} == {"GET"}
