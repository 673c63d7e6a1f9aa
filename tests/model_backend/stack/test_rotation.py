"""The secret is changed while everything runs: no event is refused, and every project follows by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from annotator.environment import environment
from annotator.errors import OnetagError
from annotator.labelstudio.backends import SECRET_HEADER
from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.errors import LabelStudioMissing
from annotator.labelstudio.projects import Identity, get_or_create_project
from annotator.settings import Settings, load_settings, save_credentials
from annotator.shared_secret import is_under_way, valid_secrets
from annotator.store import Event, Store, move_arrivals
from model_backend.server import create_app, open_server
from model_backend.stack.label_studio import LabelStudioProcess
from model_backend.stack.liveness import ask
from model_backend.stack.rotation import Followed, rotate
from model_backend.stack.secret import with_secret
from tests.free_ports import free_port

HOUR = timedelta(hours=1)
CONFIG = build_config(["cat", "dog"])


class Queue:
    def process_inbox(self) -> None: ...

    def tell(self) -> None: ...

    def adjust_thresholds(self) -> None: ...


class PretendStudio:
    """Label Studio's webhooks and backends, by project; projects in `failing` raise."""

    url = "http://studio.test"

    def __init__(self) -> None:
        self.hooks: dict[int, dict[str, str]] = {}
        self.passwords: dict[int, dict[str, str]] = {}
        self.failing: dict[int, OnetagError] = {}

    def connect(self, project: int, url: str, secret: str) -> None:
        self.hooks.setdefault(project, {})[f"{url}/webhook"] = secret
        self.passwords.setdefault(project, {})[url] = secret

    def webhooks(self, project: int) -> list[dict[str, Any]]:
        if project in self.failing:
            raise self.failing[project]
        hooks = self.hooks.get(project, {})
        return [{"url": url, "headers": {SECRET_HEADER: secret}} for url, secret in hooks.items()]

    def backends(self, project: int) -> list[dict[str, Any]]:
        return [{"url": url, "title": "v7"} for url in self.passwords.get(project, {})]

    def connect_backend(self, project: int, url: str, title: str, secret: SecretStr) -> None:
        assert title == "v7"
        self.connect(project, url, secret.get_secret_value())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder that keeps its secret, as `serve` makes it."""
    save_credentials(tmp_path, label_studio_url=PretendStudio.url, port=str(free_port()))
    return with_secret(load_settings(data_dir=tmp_path))


@pytest.fixture
def served(sqlite_store: Store, settings: Settings) -> Iterator[str]:
    server = open_server(create_app(sqlite_store, settings, Queue()), settings)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield f"http://127.0.0.1:{settings.port}"
    server.close()
    thread.join(10)


@pytest.fixture
def pretend(sqlite_store: Store, settings: Settings) -> PretendStudio:
    """Three projects, of which the third was given the backend by another address."""
    made = PretendStudio()
    assert settings.secret is not None
    with sqlite_store.session() as session:
        for number in (1, 2, 3):
            get_or_create_project(session, made.url, Identity(number), CONFIG)
            host = "gpu-box" if number == 3 else "127.0.0.1"
            made.connect(number, f"http://{host}:{settings.port}", settings.secret.get_secret_value())
    return made


def secret_of(settings: Settings) -> str:
    return valid_secrets(settings)[0].get_secret_value()


def of_all(pretend: PretendStudio) -> set[str]:
    return {
        secret
        for kept in (pretend.hooks, pretend.passwords)
        for each in kept.values()
        for secret in each.values()
    }


def run(settings: Settings, store: Store, studio: Any, keep: timedelta = HOUR) -> Any:
    return rotate(load_settings(data_dir=settings.data_dir), store, studio, keep)


def test_every_project_gets_the_new_one_and_the_server_takes_both_without_a_restart(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio, served: str
) -> None:
    old = secret_of(settings)
    done = run(settings, sqlite_store, pretend)
    new = secret_of(settings)
    assert new != old
    assert [each.ok for each in done.projects] == [True] * 3
    assert of_all(pretend) == {new}
    assert [ask(f"{served}/versions", secret) for secret in (new, old, "other")] == [200, 200, 401]
    save_credentials(settings.data_dir, previous_secret_until=datetime.now(UTC).isoformat())  # an hour later
    assert [ask(f"{served}/versions", secret) for secret in (new, old)] == [200, 401]


def test_while_a_project_cannot_be_reached_the_old_one_holds_and_again_it_goes_on(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio, served: str
) -> None:
    old = secret_of(settings)
    pretend.failing[2] = OnetagError("Label Studio is down.", "Start it.")
    first = run(settings, sqlite_store, pretend, timedelta(0))
    assert first.old_until is None
    assert [each.ok for each in first.projects] == [True, False, True]
    assert "Label Studio is down" in first.projects[1].detail
    assert is_under_way(settings)
    assert ask(f"{served}/versions", old) == 200

    pretend.failing.clear()
    second = run(settings, sqlite_store, pretend, timedelta(0))
    assert second.resumed
    assert second.old_until is not None
    assert of_all(pretend) == {secret_of(settings)}
    assert ask(f"{served}/versions", old) == 401


def test_killed_at_any_project_it_goes_on_with_the_secret_that_it_made(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio, served: str
) -> None:
    def killed(each: Followed) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(load_settings(data_dir=settings.data_dir), sqlite_store, pretend, HOUR, killed)  # type: ignore[arg-type]
    made = secret_of(settings)
    assert len(of_all(pretend)) == 2
    assert {ask(f"{served}/versions", secret) for secret in of_all(pretend)} == {200}
    assert run(settings, sqlite_store, pretend).resumed
    assert of_all(pretend) == {made}


def test_a_project_that_is_gone_or_not_connected_holds_nothing_up(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio, served: str
) -> None:
    pretend.failing[1] = LabelStudioMissing("There is no project 1.", "Connect it again.")
    pretend.hooks[2], pretend.passwords[2] = {}, {}
    done = run(settings, sqlite_store, pretend)
    assert done.old_until is not None
    assert [each.detail for each in done.projects][:2] == [
        "is gone from Label Studio",
        "is not connected to this backend",
    ]
    assert not pretend.passwords[2]


def test_where_no_server_answers_nothing_is_changed(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio
) -> None:
    old = secret_of(settings)
    with pytest.raises(OnetagError, match="onetag serve"):
        run(settings, sqlite_store, pretend)
    assert of_all(pretend) == {old}
    assert [secret.get_secret_value() for secret in valid_secrets(settings)] == [old]


def test_a_server_with_a_secret_of_its_own_is_told_and_nothing_is_changed(
    settings: Settings, sqlite_store: Store, pretend: PretendStudio
) -> None:
    given = load_settings(data_dir=settings.data_dir, secret=SecretStr("given"))  # as by ONETAG_SECRET
    server = open_server(create_app(sqlite_store, given, Queue()), given)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with pytest.raises(OnetagError, match="ONETAG_SECRET"):
            run(settings, sqlite_store, pretend)
    finally:
        server.close()
        thread.join(10)
    assert not is_under_way(settings)


def test_the_children_of_up_read_it_where_it_is_rotated(settings: Settings) -> None:
    assert "ONETAG_SECRET" not in environment(settings)
    given = load_settings(data_dir=settings.data_dir, secret=SecretStr("given"))
    assert environment(given)["ONETAG_SECRET"] == "given"


@pytest.mark.studio
def test_label_studio_itself_loses_no_event_while_the_secret_is_rotated(
    settings: Settings,
    sqlite_store: Store,
    label_studio: LabelStudioProcess,
    new_studio_project: Callable[..., int],
    served: str,
) -> None:
    real: Studio = label_studio.studio()
    project = new_studio_project(("cat", "dog"), ("data:,1", "data:,2", "data:,3"))
    save_credentials(settings.data_dir, label_studio_url=real.url)
    with sqlite_store.session() as session:
        get_or_create_project(session, real.url, Identity(project), CONFIG)
    assert settings.secret is not None
    real.connect_backend(project, served, "onetag", settings.secret)
    tasks = [int(task["id"]) for task in real.tasks(project)]
    region = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}

    real.annotate(tasks[0], [region])
    done = rotate(load_settings(data_dir=settings.data_dir), sqlite_store, real, timedelta(0))
    assert done.old_until is not None
    real.annotate(tasks[1], [region])
    (webhook,) = real.webhooks(project)
    assert webhook["headers"][SECRET_HEADER] == secret_of(settings)
    assert {each["state"] for each in [real.backend(each["id"]) for each in real.backends(project)]} == {"CO"}
    assert _events(sqlite_store, 2) == 2


def _events(store: Store, wanted: int) -> int:
    chosen = select(func.count(Event.id)).where(Event.action == "ANNOTATION_CREATED")
    count, until = 0, time.monotonic() + 20
    while count < wanted and time.monotonic() < until:
        move_arrivals(store)
        with store.reading() as session:
            count = session.scalar(chosen) or 0
        time.sleep(0.1)
    return count
