import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flask import Flask, jsonify
from pydantic import BaseModel, SecretStr
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config
from annotator.labelstudio.predictions import NO_VERSION
from annotator.settings import Settings
from annotator.store import Project, Store
from annotator.store.inbox import inbox_file
from model_backend.engine.predict import Predictor
from model_backend.server.adapter import backend_class, hosted_app
from model_backend.worker.queue import QueueUnreachable

from .conftest import LABELS, SECRET, Nudges, no_workbench
from .test_app import activate, events

HOSTING = Path(__file__).parents[3] / "docs" / "hosting.md"
CONFIG = build_config(LABELS)
EVENT = {
    "project": {"id": 7, "label_config": CONFIG, "task_data_password": "hidden"},
    "annotation": {"id": 3},
}


class ModelResponse(BaseModel, protected_namespaces=()):
    model_version: str | None = None
    predictions: list[dict[str, Any]]


class LabelStudioMLBase:
    """Keeps what it is told by project and key, and calls `setup` at the end, as the real one does."""

    kept: dict[tuple[str, str], str] = {}  # noqa: RUF012  # the fixture gives each test its own

    def __init__(self, project_id: str | None = None, label_config: str | None = None) -> None:
        self.project_id = project_id or ""
        if not self.get("model_version"):
            self.set("model_version", "0.0.1")
        self.setup()

    def setup(self) -> None:
        raise NotImplementedError

    def get(self, key: str) -> str | None:
        return self.kept.get((self.project_id, key))

    def set(self, key: str, value: str) -> None:
        assert isinstance(value, str)  # the real one refuses anything else
        self.kept[self.project_id, key] = value


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for label-studio-ml 2.x, which is not on the package index, so no test can depend on it.

    It has the few names that the adapter uses, with the behaviour of the vendor's repository.
    """
    monkeypatch.setattr(LabelStudioMLBase, "kept", {})
    app = Flask("label_studio_ml")
    app.add_url_rule("/health", "health", lambda: jsonify(status="UP"))

    def init_app(model_class: type[LabelStudioMLBase]) -> Flask:
        assert issubclass(model_class, LabelStudioMLBase)
        app.add_url_rule("/setup", "_setup", lambda: jsonify(model_class("7", CONFIG).get("model_version")))
        return app

    names: dict[str, Any] = {"model": LabelStudioMLBase, "response": ModelResponse, "api": init_app}
    monkeypatch.setitem(sys.modules, "label_studio_ml", ModuleType("label_studio_ml"))
    for module, item in names.items():
        made = ModuleType(f"label_studio_ml.{module}")
        setattr(made, item.__name__, item)
        monkeypatch.setitem(sys.modules, made.__name__, made)


@pytest.fixture
def backend(package: None, sqlite_store: Store, settings: Settings, nudges: Nudges) -> Any:
    """The class that label-studio-ml makes instances of; asked to compute, it fails the test."""
    predictor = Predictor(sqlite_store, settings, no_workbench)  # type: ignore[arg-type]
    return backend_class(sqlite_store, settings, nudges, predictor)


def break_store(store: Store) -> None:
    with store.engine.begin() as connection:
        for table in ("events", "projects"):
            connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO {table}_gone")


class TestWithoutThePackage:
    @pytest.mark.parametrize("missing", ["label_studio_ml", "label_studio_ml.response"])
    def test_the_error_names_both_ways_out(
        self,
        package: None,
        monkeypatch: pytest.MonkeyPatch,
        sqlite_store: Store,
        settings: Settings,
        nudges: Nudges,
        missing: str,
    ) -> None:
        monkeypatch.setitem(sys.modules, missing, None)
        if missing == "label_studio_ml":
            monkeypatch.delitem(sys.modules, "label_studio_ml.response")
        with pytest.raises(OnetagError, match=r"HumanSignal/label-studio-ml-backend.*`onetag serve`"):
            backend_class(sqlite_store, settings, nudges)


class TestSetup:
    def test_names_the_active_version(self, backend: Any, sqlite_store: Store, project: Project) -> None:
        assert backend("7", CONFIG).get("model_version") == NO_VERSION
        version = activate(sqlite_store, project)
        assert backend("7", CONFIG).get("model_version") == version.name

    def test_remembers_a_new_project(self, backend: Any, sqlite_store: Store) -> None:
        backend("9", CONFIG)
        with sqlite_store.reading() as session:
            assert session.scalars(select(Project.studio_project)).all() == [9]

    def test_follows_a_changed_config(self, backend: Any, sqlite_store: Store, project: Project) -> None:
        changed = build_config([*LABELS, "boat"])
        backend("7", changed)
        with sqlite_store.reading() as session:
            assert session.get_one(Project, project.id).label_config == changed

    @pytest.mark.parametrize("sent", [(None, None), ("7", None), ("None", CONFIG), ("7", "<View/>")])
    def test_never_fails_and_keeps_the_labels(
        self, backend: Any, sqlite_store: Store, project: Project, sent: tuple[str | None, str | None]
    ) -> None:
        assert backend(*sent).get("model_version") == NO_VERSION
        with sqlite_store.reading() as session:
            assert session.scalars(select(Project.label_config)).all() == [CONFIG]


class TestPredict:
    def test_gives_the_stored_suggestions(self, backend: Any, sqlite_store: Store, project: Project) -> None:
        version = activate(sqlite_store, project)
        answer = backend("7", CONFIG).predict([{"id": 2}, {"id": 1}], context={}, login=None)
        assert isinstance(answer, ModelResponse)
        assert answer.model_version == version.name
        assert [made["score"] for made in answer.predictions] == [0.25, 0.25]
        assert answer.predictions[0]["result"][0]["value"] == {"choices": ["cat", "tree"]}

    @pytest.mark.parametrize("tasks", [[], [{"id": 1}], [None, "x", {}]])
    def test_gives_one_prediction_a_task_without_a_model(
        self, backend: Any, project: Project, tasks: list[Any]
    ) -> None:
        answer = backend("7", CONFIG).predict(tasks)
        assert answer.model_version == NO_VERSION
        assert [made["result"] for made in answer.predictions] == [[] for _ in tasks]

    def test_a_broken_store_hides_no_task(self, backend: Any, sqlite_store: Store) -> None:
        break_store(sqlite_store)
        assert len(backend("7", CONFIG).predict([{"id": 1}, {"id": 2}]).predictions) == 2


class TestFit:
    def test_records_the_event_without_secrets_and_nudges(
        self, backend: Any, sqlite_store: Store, project: Project, nudges: Nudges
    ) -> None:
        told = backend("7", CONFIG).fit("ANNOTATION_CREATED", EVENT, job_id="1")
        [event] = events(sqlite_store)
        assert told == {"event": event.key}
        assert (event.action, event.project_id) == ("ANNOTATION_CREATED", project.id)
        assert event.payload == {
            "action": "ANNOTATION_CREATED",
            "project": {"id": 7, "label_config": CONFIG},
            "annotation": {"id": 3},
        }
        assert event.processed_at is None
        assert nudges.count == 1

    def test_a_lost_nudge_loses_no_event(
        self, backend: Any, sqlite_store: Store, project: Project, nudges: Nudges
    ) -> None:
        nudges.failure = QueueUnreachable("The queue is away.", "Wait.")
        backend("7", CONFIG).fit("START_TRAINING", {"project": {"id": 7}})
        assert [event.action for event in events(sqlite_store)] == ["START_TRAINING"]

    def test_an_event_that_is_not_kept_is_an_error(
        self, backend: Any, sqlite_store: Store, project: Project, nudges: Nudges
    ) -> None:
        made = backend("7", CONFIG)
        assert sqlite_store.file is not None
        inbox_file(sqlite_store.file).mkdir()
        with pytest.raises(OnetagError, match="cannot be opened"):
            made.fit("ANNOTATION_CREATED", EVENT)
        assert nudges.count == 0


class TestTheApp:
    def test_takes_the_secret_in_the_webhooks_header(
        self, package: None, sqlite_store: Store, settings: Settings, nudges: Nudges
    ) -> None:
        client = hosted_app(sqlite_store, settings, nudges).test_client()
        assert client.get("/health").status_code == 200
        assert client.get("/setup").status_code == 401
        answer = client.get("/setup", headers={"X-Onetag-Secret": SECRET})
        assert answer.get_json() == NO_VERSION

    @pytest.mark.parametrize("secret", [None, SecretStr("")])
    def test_is_not_there_without_a_secret(
        self, package: None, sqlite_store: Store, settings: Settings, nudges: Nudges, secret: SecretStr | None
    ) -> None:
        with pytest.raises(OnetagError, match="ONETAG_SECRET"):
            hosted_app(sqlite_store, settings.model_copy(update={"secret": secret}), nudges)

    def test_is_made_as_the_documentation_shows(
        self, package: None, monkeypatch: pytest.MonkeyPatch, sqlite_store: Store, settings: Settings
    ) -> None:
        programs = re.findall(r"```python\n(.*?)```", HOSTING.read_text(encoding="utf-8"), flags=re.DOTALL)
        [program] = [text for text in programs if "hosted_app" in text]
        monkeypatch.setenv("ONETAG_DATA_DIR", str(settings.data_dir))
        monkeypatch.delenv("ONETAG_DATABASE_URL", raising=False)  # the store lies in the data folder
        monkeypatch.setenv("ONETAG_SECRET", SECRET)
        names: dict[str, Any] = {}
        exec(compile(program, "hosting.md", "exec"), names)
        assert names["app"].test_client().get("/setup", auth=("onetag", SECRET)).status_code == 200
