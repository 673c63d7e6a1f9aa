import base64
import logging
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Engine, select
from sqlalchemy.event import listen, listens_for, remove
from sqlalchemy.orm import undefer

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.settings import Settings, load_settings, save_credentials
from annotator.store import (
    Event,
    Image,
    Label,
    ModelVersion,
    Project,
    Store,
    Suggested,
    move_arrivals,
    store_suggestions,
    sync_labels,
)
from annotator.store.inbox import inbox_file
from model_backend.server import create_app
from model_backend.server.app import MAX_BODY_BYTES
from model_backend.server.bodies import MAX_DEPTH, MAX_TASKS

from .conftest import LABELS, SECRET, STUDIO, Nudges

GUARDED = [
    ("GET", "/versions"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/webhook"),
]


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def events(store: Store) -> list[Event]:
    """What was recorded, as the worker finds it."""
    while move_arrivals(store):
        pass
    with store.reading() as session:
        return list(session.scalars(select(Event).options(undefer(Event.payload)).order_by(Event.id)))


def activate(store: Store, project: Project, name: str = "v0001-20261122T214500") -> ModelVersion:
    """A version of the project that is active, with suggestions for tasks 1 and 2."""
    with store.session() as session:
        ids = list(session.scalars(select(Label.id).order_by(Label.position)))
        version = ModelVersion(
            project_id=project.id,
            name=name,
            labels=list(LABELS),
            label_ids=ids,
            folder="gone",
            backbone="none",
        )
        session.add(version)
        session.flush()
        session.get_one(Project, project.id).active_version_id = version.id
        images = session.scalars(select(Image).where(Image.studio_task.in_((1, 2))).order_by(Image.id)).all()
        suggested = [Suggested(image.id, ["cat", "tree"], 0.25, 3) for image in images]
        store_suggestions(session, version.id, suggested)
    return version


class TestTheSecret:
    def test_health_needs_none(self, app: Flask) -> None:
        assert app.test_client().get("/health").status_code == 200

    @pytest.mark.parametrize(("method", "path"), GUARDED)
    def test_everything_else_does(self, app: Flask, method: str, path: str) -> None:
        answer = app.test_client().open(path, method=method, json={})
        assert answer.status_code == 401
        assert answer.data == b""

    @pytest.mark.parametrize(("method", "path"), GUARDED)
    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Onetag-Secret": SECRET + "x"},
            {"X-Onetag-Secret": ""},
            {"X-Onetag-Secret": "ünï"},
            basic("onetag", "wrong"),
            basic("onetag", ""),
            basic(SECRET, ""),
            {"Authorization": "Basic !!!"},
            {"Authorization": f"Bearer {SECRET}"},
        ],
    )
    def test_a_wrong_one_is_refused(
        self, app: Flask, method: str, path: str, headers: dict[str, str]
    ) -> None:
        assert app.test_client().open(path, method=method, json={}, headers=headers).status_code == 401

    @pytest.mark.parametrize(
        "headers", [{"X-Onetag-Secret": SECRET}, basic("onetag", SECRET), basic("", SECRET)]
    )
    def test_it_may_come_in_the_header_or_as_basic_auth(self, app: Flask, headers: dict[str, str]) -> None:
        assert app.test_client().get("/versions", headers=headers).status_code == 200

    @pytest.mark.parametrize("secret", [None, SecretStr("")])
    def test_without_one_there_is_no_app(
        self, sqlite_store: Store, settings: Settings, nudges: Nudges, secret: SecretStr | None
    ) -> None:
        with pytest.raises(OnetagError, match="ONETAG_SECRET"):
            create_app(sqlite_store, settings.model_copy(update={"secret": secret}), nudges)

    def test_unknown_addresses_tell_strangers_nothing(self, app: Flask, client: FlaskClient) -> None:
        assert app.test_client().get("/nothing").status_code == 401
        assert client.get("/nothing").status_code == 404


class TestBodies:
    @pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{",
            b"\xff\xfe",
            b"[1]",
            b'"text"',
            b"null",
            b'{"x": NaN}',
            b"[" * 100_000,
            b'{"a":' * 100_000,
        ],
    )
    def test_what_is_no_json_object_is_a_clear_400(self, client: FlaskClient, path: str, body: bytes) -> None:
        answer = client.post(path, data=body, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json is not None
        assert "JSON" in answer.json["error"]

    @pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
    @pytest.mark.parametrize(("opening", "ending"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
    def test_json_of_every_depth_is_taken_or_a_clear_400(
        self, client: FlaskClient, path: str, opening: str, ending: str
    ) -> None:
        answers = {}
        for depth in [*range(1, 110), *range(110, 1100, 15), 975]:
            body = '{"action":"X","tasks":[],"x":' + opening * depth + "1" + ending * depth + "}"
            answers[depth] = client.post(path, data=body).status_code
        levels = len(ending)  # each repetition is one or two levels
        assert {answers[depth] for depth in answers if 1 + depth * levels <= MAX_DEPTH} == {200}
        assert {answers[depth] for depth in answers if 1 + depth * levels > MAX_DEPTH} == {400}

    @pytest.mark.parametrize("number", ["1e400", "-1e400", "Infinity", "9" * 5000])
    def test_a_number_that_nobody_can_hold_is_no_json(self, client: FlaskClient, number: str) -> None:
        assert client.post("/webhook", data=f'{{"action":"X","x":{number}}}').status_code == 400

    def test_five_million_non_tasks_are_refused_at_once(self, client: FlaskClient, project: Project) -> None:
        body = b'{"project":7,"tasks":[' + b",".join([b"1"] * 5_000_000) + b"]}"
        begun = time.process_time()
        answer = client.post("/predict", data=body)
        assert answer.status_code == 400
        assert answer.json is not None
        assert "tasks" in answer.json["error"]
        assert time.process_time() - begun < 3

    def test_as_many_tasks_as_may_come_are_answered_soon(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        activate(sqlite_store, project)
        begun = time.process_time()
        answer = client.post("/predict", json={"project": 7, "tasks": [None] * MAX_TASKS})
        assert answer.json is not None
        assert len(answer.json["results"]) == MAX_TASKS
        assert time.process_time() - begun < 5

    @pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook"])
    def test_what_is_too_large_is_refused(self, app: Flask, client: FlaskClient, path: str) -> None:
        assert app.config["MAX_CONTENT_LENGTH"] == MAX_BODY_BYTES
        app.config["MAX_CONTENT_LENGTH"] = 1000
        answer = client.post(path, data=b"{" + b" " * 1000, content_type="application/json")
        assert answer.status_code == 413


class TestWebhook:
    def test_records_the_event_and_nudges_the_worker(
        self, client: FlaskClient, sqlite_store: Store, project: Project, nudges: Nudges
    ) -> None:
        answer = client.post(
            "/webhook", json={"action": "TASKS_CREATED", "project": {"id": 7}, "tasks": [{"id": 9}]}
        )
        assert answer.status_code == 200
        (event,) = events(sqlite_store)
        assert (event.action, event.project_id, event.processed_at) == ("TASKS_CREATED", project.id, None)
        assert event.payload["tasks"] == [{"id": 9}]
        assert nudges.count == 1

    def test_no_token_reaches_the_store(self, client: FlaskClient, sqlite_store: Store) -> None:
        client.post("/webhook", json={"action": "PROJECT_UPDATED", "project": {"id": 7, "token": "s3cr3t"}})
        assert "s3cr3t" not in str(events(sqlite_store)[0].payload)

    def test_of_a_project_that_the_store_does_not_know_is_kept_too(
        self, client: FlaskClient, sqlite_store: Store
    ) -> None:
        assert (
            client.post("/webhook", json={"action": "TASKS_CREATED", "project": {"id": 99}}).status_code
            == 200
        )
        assert events(sqlite_store)[0].project_id is None

    def test_an_event_that_comes_twice_is_recorded_twice(
        self, client: FlaskClient, sqlite_store: Store
    ) -> None:
        for _ in range(2):
            client.post("/webhook", json={"action": "TASKS_CREATED", "project": {"id": 7}})
        assert len(events(sqlite_store)) == 2  # taking in is idempotent, recording need not be

    def test_the_event_is_durable_when_the_queue_is_unreachable(
        self, client: FlaskClient, sqlite_store: Store, nudges: Nudges
    ) -> None:
        nudges.failure = OnetagError("The job queue cannot be written.", "Free some space.")
        assert client.post("/webhook", json={"action": "TASKS_CREATED"}).status_code == 200
        assert len(events(sqlite_store)) == 1
        assert "onetag_lost_nudges_total 1.0" in client.get("/metrics").text

    @pytest.mark.parametrize("action", [None, 1, "", ["x"], {"a": 1}, "x" * 65, "line\nbreak"])
    def test_an_event_without_a_name_is_refused(
        self, client: FlaskClient, sqlite_store: Store, action: object
    ) -> None:
        assert client.post("/webhook", json={"action": action}).status_code == 400
        assert events(sqlite_store) == []

    @pytest.mark.parametrize(
        "number", [None, -1, 1.5, True, "7; DROP", "9" * 40, [7], {"id": {"id": 7}}, 10**30]
    )
    def test_a_strange_project_does_no_harm(
        self, client: FlaskClient, sqlite_store: Store, project: Project, number: object
    ) -> None:
        assert client.post("/webhook", json={"action": "X", "project": {"id": number}}).status_code == 200
        assert events(sqlite_store)[0].project_id is None

    def test_says_503_when_it_could_not_be_recorded(
        self, client: FlaskClient, sqlite_store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert sqlite_store.file is not None
        inbox_file(sqlite_store.file).mkdir()
        answer = client.post("/webhook", json={"action": "TASKS_CREATED", "project": {"token": "s3cr3t"}})
        assert answer.status_code == 503
        assert "s3cr3t" not in caplog.text
        assert "cannot be opened" in caplog.text

    def test_waits_for_no_one_who_writes_to_the_store(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        """It had waited for the end of each transaction of the worker: a second and more while it trained."""
        with sqlite_store.session() as session:
            session.add(Project(title="slow", label_config=""))
            session.flush()
            started = time.monotonic()
            for _ in range(5):
                assert client.post("/webhook", json={"action": "X", "project": {"id": 7}}).status_code == 200
            assert time.monotonic() - started < 5, "a writer gives up after 30"
        assert [event.project_id for event in events(sqlite_store)] == [project.id] * 5

    def test_looks_a_project_up_once_in_a_while(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        seen: list[str] = []
        listen(sqlite_store.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
        for _ in range(5):
            client.post("/webhook", json={"action": "X", "project": {"id": 7}})
        assert sum("FROM projects" in statement for statement in seen) == 1
        assert {event.project_id for event in events(sqlite_store)} == {project.id}

    def test_is_kept_though_the_store_cannot_be_read(self, client: FlaskClient, sqlite_store: Store) -> None:
        with sqlite_store.session() as session:
            session.connection().exec_driver_sql("ALTER TABLE projects RENAME TO away")
        assert client.post("/webhook", json={"action": "X", "project": {"id": 7}}).status_code == 200
        with sqlite_store.session() as session:
            session.connection().exec_driver_sql("ALTER TABLE away RENAME TO projects")
        assert [event.action for event in events(sqlite_store)] == ["X"]

    def test_costs_one_insert_one_nudge_and_no_model(
        self, client: FlaskClient, sqlite_store: Store, project: Project, nudges: Nudges
    ) -> None:
        seen: list[str] = []

        client.post("/webhook", json={"action": "X"})  # the first one makes the table

        @listens_for(Engine, "before_cursor_execute")
        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            seen.append(statement.partition("\n")[0].partition("(")[0].strip())

        body = {
            "action": "ANNOTATION_CREATED",
            "project": {"id": 7},
            "task": {"id": 1, "data": {"text": "x" * 20_000}},
        }
        assert client.post("/webhook", json=body).status_code == 200
        written = [each for each in seen if not each.startswith(("SELECT", "BEGIN", "PRAGMA"))]
        remove(Engine, "before_cursor_execute", note)
        assert written == ["INSERT INTO arrivals"]
        assert len(seen) <= 4, "and it looks the project up"
        assert nudges.count == 2

    def test_needs_nothing_heavy(self, tmp_path: Path) -> None:
        program = f"""
import sys
from annotator.settings import load_settings
from annotator.store import open_store, upgrade
from model_backend.server import create_app

class Queue:
    def process_inbox(self): pass
    def tell(self): pass
    def adjust_thresholds(self): pass

settings = load_settings(data_dir={str(tmp_path)!r}, secret="s", label_studio_url={STUDIO!r})
store = open_store(settings.store_url)
upgrade(store)
client = create_app(store, settings, Queue()).test_client()
answer = client.post("/webhook", json={{"action": "X"}}, headers={{"X-Onetag-Secret": "s"}})
print(answer.status_code, [name for name in ("torch", "sklearn", "skimage", "scipy") if name in sys.modules])
"""
        run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert run.stdout.strip() == "200 []"


class TestSetup:
    def test_remembers_the_project_and_names_no_version_yet(
        self, client: FlaskClient, sqlite_store: Store
    ) -> None:
        body = {"project": "7.1700000000", "schema": build_config(LABELS), "access_token": "s3cr3t"}
        answer = client.post("/setup", json=body)
        assert answer.json == {"model_version": "none yet"}
        with sqlite_store.reading() as session:
            project = session.scalars(select(Project)).one()
            names = list(session.scalars(select(Label.name).order_by(Label.position)))
        assert (project.studio_url, project.studio_project) == (STUDIO, 7)
        assert names == list(LABELS)

    def test_a_second_time_follows_the_label_config(self, client: FlaskClient, sqlite_store: Store) -> None:
        for labels in (LABELS, ("cat", "bird")):
            client.post("/setup", json={"project": "7.17", "schema": build_config(labels)})
        with sqlite_store.reading() as session:
            rows = session.execute(select(Label.name, Label.archived_at.is_(None)).order_by(Label.id)).all()
        assert [tuple(row) for row in rows] == [
            ("cat", True),
            ("dog", False),
            ("tree", False),
            ("bird", True),
        ]

    def test_names_the_active_version(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        activate(sqlite_store, project, "v0003-20261122T214500")
        answer = client.post("/setup", json={"project": "7.17", "schema": project.label_config})
        assert answer.json == {"model_version": "v0003-20261122T214500"}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"project": None},
            {"project": "x"},
            {"project": "7.1", "schema": "<View/>"},
            {"project": "7.1", "schema": 3},
        ],
    )
    def test_a_config_without_our_controls_is_answered_all_the_same(
        self, client: FlaskClient, body: dict[str, Any]
    ) -> None:
        answer = client.post("/setup", json=body)
        assert (answer.status_code, answer.json) == (200, {"model_version": "none yet"})


class TestBeforeConnect:
    """`onetag serve` was started first; `onetag connect` comes later."""

    @pytest.fixture
    def client(self, sqlite_store: Store, tmp_path: Path) -> FlaskClient:
        settings = load_settings(data_dir=tmp_path, secret=SecretStr(SECRET))
        made = create_app(sqlite_store, settings, Nudges()).test_client()
        made.environ_base["HTTP_X_ONETAG_SECRET"] = SECRET
        return made

    def test_no_project_is_made_while_nobody_knows_which_label_studio_asks(
        self, client: FlaskClient, sqlite_store: Store
    ) -> None:
        answer = client.post("/setup", json={"project": "7.1795876176", "schema": build_config(LABELS)})
        assert answer.json == {"model_version": "none yet"}
        with sqlite_store.reading() as session:
            assert session.scalars(select(Project)).all() == []

    def test_once_it_is_connected_its_events_find_it_without_a_restart(
        self, client: FlaskClient, sqlite_store: Store, tmp_path: Path
    ) -> None:
        made = datetime(2026, 11, 28, 14, 29, 36, 478880, tzinfo=UTC)
        save_credentials(tmp_path, label_studio_url=STUDIO)
        with sqlite_store.session() as session:  # as `connect` does
            identity = Identity(7, made)
            project = get_or_create_project(session, STUDIO, identity, build_config(LABELS)).id
        sent = {"id": 7, "created_at": made.isoformat(), "label_config": build_config(LABELS)}
        client.post("/webhook", json={"action": "PROJECT_UPDATED", "project": sent})
        client.post("/setup", json={"project": "7.1795876176", "schema": build_config(LABELS)})
        assert [event.project_id for event in events(sqlite_store)] == [project]
        with sqlite_store.reading() as session:
            assert session.scalars(select(Project.id)).all() == [project]


class TestPredict:
    def ask(
        self, client: FlaskClient, tasks: list[Any], project: str = "7.1700000000"
    ) -> list[dict[str, Any]]:
        answer = client.post("/predict", json={"tasks": tasks, "project": project, "label_config": "<View/>"})
        assert answer.status_code == 200
        assert answer.json is not None
        results = answer.json["results"]
        assert len(results) == len(tasks)
        for each in results:
            assert isinstance(each["model_version"], str)
            assert each["model_version"]
            assert 0 <= each["score"] <= 1
            assert isinstance(each["result"], list)
        return list(results)

    def test_answers_from_the_store(self, client: FlaskClient, sqlite_store: Store, project: Project) -> None:
        version = activate(sqlite_store, project)
        (answer,) = self.ask(client, [{"id": 1}])
        assert answer["model_version"] == version.name
        assert answer["score"] == 0.25
        told = {region["from_name"]: region["value"] for region in answer["result"]}
        assert told["suggested"] == {"choices": ["cat", "tree"]}
        assert told["onetag_question"] == {"choices": ["tag one"]}

    def test_a_label_that_left_the_config_is_not_suggested(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        activate(sqlite_store, project)
        with sqlite_store.session() as session:
            sync_labels(session, session.get_one(Project, project.id), ["cat", "kitten"])
        (answer,) = self.ask(client, [{"id": 1}])
        assert answer["result"][0]["value"] == {"choices": ["cat"]}

    def test_without_a_model_suggests_nothing(self, client: FlaskClient, project: Project) -> None:
        answers = self.ask(client, [{"id": task} for task in range(1, 6)])
        assert {answer["model_version"] for answer in answers} == {"none yet"}
        assert 'onetag_predictions_total{outcome="no model"} 5.0' in client.get("/metrics").text

    def test_of_an_unknown_project_suggests_nothing(self, client: FlaskClient) -> None:
        assert self.ask(client, [{"id": 1}], project="99.1")[0]["result"] == []

    @pytest.mark.parametrize(
        "task",
        [
            None,
            1,
            "x",
            [],
            {},
            {"id": None},
            {"id": "1"},
            {"id": -1},
            {"id": 2**80},
            {"id": True},
            {"id": 99},
        ],
    )
    def test_a_bad_task_does_not_spoil_the_others(
        self, client: FlaskClient, sqlite_store: Store, project: Project, task: object
    ) -> None:
        activate(sqlite_store, project)
        answers = self.ask(client, [{"id": 1}, task, {"id": 2}])
        assert [bool(answer["result"]) for answer in answers] == [True, False, True]

    @pytest.mark.parametrize("body", [{}, {"tasks": None}, {"tasks": {"id": 1}}, {"tasks": "all"}])
    def test_without_tasks_is_a_400(self, client: FlaskClient, body: dict[str, Any]) -> None:
        assert client.post("/predict", json=body).status_code == 400

    def test_no_tasks_no_results(self, client: FlaskClient, project: Project) -> None:
        assert self.ask(client, []) == []

    def test_the_same_task_twice_gets_two_answers(
        self, client: FlaskClient, sqlite_store: Store, project: Project
    ) -> None:
        activate(sqlite_store, project)
        one, other = self.ask(client, [{"id": 1}, {"id": 1}])
        assert one == other

    def test_a_failure_inside_gives_empty_predictions_and_a_line_in_the_log(
        self, client: FlaskClient, sqlite_store: Store, project: Project, caplog: pytest.LogCaptureFixture
    ) -> None:
        activate(sqlite_store, project)
        with sqlite_store.session() as session:
            session.connection().exec_driver_sql("DROP TABLE suggestions")
        with caplog.at_level(logging.ERROR):
            answers = self.ask(client, [{"id": 1}, {"id": 2}])
        assert [answer["result"] for answer in answers] == [[], []]
        assert "Predictions failed" in caplog.text
        assert 'onetag_predictions_total{outcome="failed"} 2.0' in client.get("/metrics").text


class TestVersionsAndMetrics:
    def test_versions_newest_first(self, client: FlaskClient, sqlite_store: Store, project: Project) -> None:
        for name in ("v0001-20261122T214500", "v0002-20261122T214600"):
            activate(sqlite_store, project, name)
        assert client.get("/versions").json == {
            "versions": ["v0002-20261122T214600", "v0001-20261122T214500"]
        }

    def test_metrics_tell_what_happened(self, client: FlaskClient, project: Project) -> None:
        client.post("/webhook", json={"action": "TASKS_CREATED", "project": {"id": 7}})
        client.post("/webhook", json={"action": "SOMETHING_NEW"})
        text = client.get("/metrics").text
        assert 'onetag_events_total{action="TASKS_CREATED"} 1.0' in text
        assert 'onetag_events_total{action="other"} 1.0' in text
        assert 'onetag_requests_total{endpoint="webhook",status="200"} 2.0' in text
        assert "onetag_inbox_events 2.0" in text
        assert "onetag_images 5.0" in text
        assert "onetag_store_up 1.0" in text

    def test_two_apps_count_apart(self, sqlite_store: Store, settings: Settings, nudges: Nudges) -> None:
        clients = [create_app(sqlite_store, settings, nudges).test_client() for _ in range(2)]
        headers = {"X-Onetag-Secret": SECRET}
        clients[0].post("/webhook", json={"action": "TASKS_CREATED"}, headers=headers)
        assert "onetag_events_total{" not in clients[1].get("/metrics", headers=headers).text

    def test_metrics_answer_without_a_store(self, client: FlaskClient, sqlite_store: Store) -> None:
        with sqlite_store.session() as session:
            session.connection().exec_driver_sql("DROP TABLE training_runs")
        assert "onetag_store_up 0.0" in client.get("/metrics").text
