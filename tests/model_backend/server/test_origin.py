"""Pages from elsewhere, and names bent to lead here, cannot use the password that a browser keeps."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from flask import Flask
from pydantic import SecretStr

from annotator.settings import Settings, load_settings, save_credentials
from annotator.store import Store
from model_backend.server import create_app

from .conftest import SECRET, STUDIO, Nudges

BASIC = {"Authorization": "Basic " + base64.b64encode(f"onetag:{SECRET}".encode()).decode()}


def ask(app: Flask, headers: dict[str, str]) -> tuple[int, str]:
    answer = app.test_client().post("/setup", json={}, headers=headers)
    return answer.status_code, answer.get_data(as_text=True)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1:9090", "localhost:9090", "[::1]:9090", "192.168.1.7:9090", "[2001:db8::1]"),
        *("onetag:9090", "gpu-box", "app.localhost:9090"),
    ],
)
def test_addresses_and_names_without_a_dot_are_taken(app: Flask, host: str) -> None:
    assert ask(app, BASIC | {"Host": host})[0] == 200
    assert ask(app, BASIC | {"Host": host, "Origin": f"http://{host}"})[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example", "a.b:x"]
)
def test_a_foreign_name_is_refused_with_the_setting_that_would_allow_it(app: Flask, host: str) -> None:
    status, told = ask(app, BASIC | {"Host": host})
    assert status == 403
    assert "ONETAG_ALLOWED_HOSTS" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://127.0.0.1.evil.example",
        "null",
        "http://127.0.0.1:8080",
        "file://",
        "x",
    ],
)
def test_a_foreign_page_is_refused(app: Flask, origin: str) -> None:
    status, told = ask(app, BASIC | {"Host": "127.0.0.1:9090", "Origin": origin})
    assert status == 403
    assert "ONETAG_ALLOWED_HOSTS" in told


@pytest.mark.parametrize("method_path", ["GET /versions", "GET /metrics", "POST /webhook", "POST /predict"])
def test_it_holds_for_every_guarded_endpoint(app: Flask, method_path: str) -> None:
    method, path = method_path.split()
    headers = BASIC | {"Host": "evil.example"}
    assert app.test_client().open(path, method=method, json={}, headers=headers).status_code == 403


def test_strangers_learn_nothing_of_it(app: Flask) -> None:
    assert ask(app, {"Host": "evil.example"}) == (401, "")
    assert app.test_client().get("/health", headers={"Host": "evil.example"}).status_code == 200


def test_an_event_is_never_refused_for_its_name(app: Flask) -> None:
    """No page can send the header of our own, and an event that is refused would be lost."""
    headers = {"X-Onetag-Secret": SECRET, "Host": "label.example.org"}
    assert app.test_client().post("/webhook", json={"action": "X"}, headers=headers).status_code == 200


def test_names_that_the_setting_allows_are_taken_also_behind_a_proxy(
    sqlite_store: Store, settings: Settings, nudges: Nudges
) -> None:
    allowing = settings.model_copy(update={"allowed_hosts": ("onetag.example.org",)})
    app = create_app(sqlite_store, allowing, nudges)
    assert ask(app, BASIC | {"Host": "onetag.example.org"})[0] == 200
    page = {"Origin": "https://onetag.example.org"}
    assert ask(app, BASIC | {"Host": "onetag.example.org"} | page)[0] == 200
    assert ask(app, BASIC | {"Host": "127.0.0.1:9090"} | page)[0] == 200, "the proxy told its own name"
    assert ask(app, BASIC | {"Host": "evil.example"} | page)[0] == 403


def test_the_address_that_label_studio_was_given_is_ours_without_a_restart(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = load_settings(data_dir=tmp_path, secret=SecretStr(SECRET), label_studio_url=STUDIO)
    app = create_app(sqlite_store, settings, Nudges())
    host = {"Host": "backend.example.org:9443"}
    assert ask(app, BASIC | host)[0] == 403
    save_credentials(tmp_path, backend_url="https://backend.example.org:9443/onetag")
    assert ask(app, BASIC | host)[0] == 200


def test_hosts_are_read_from_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONETAG_ALLOWED_HOSTS", "A.example, b.example")
    assert Settings().allowed_hosts == ("a.example", "b.example")
