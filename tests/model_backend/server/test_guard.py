"""Two guards and nothing between them: the secret for programs, logins for people."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from annotator.dashboard.access import WAYS_IN, cookie_name
from annotator.settings import Settings
from annotator.store import Project, Role, Store
from annotator.store.logins import log_in
from annotator.store.people import add_person

OPEN = {"health", "page.static", *WAYS_IN}


@pytest.fixture
def person(app: Flask, sqlite_store: Store, settings: Settings) -> FlaskClient:
    """The browser of somebody who is logged in on the page."""
    with sqlite_store.session() as session:
        ann = add_person(session, "Ann", Role.ANSWER, "a hash")
        cookie = log_in(session, ann.id, "a hash")
    assert cookie is not None
    made = app.test_client()
    made.set_cookie(cookie_name(settings), cookie, path="/")
    return made


def test_health_and_the_way_into_the_page_are_all_that_is_open(app: Flask, project: Project) -> None:
    seen = set()
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<path:filename>", "page.css", rule.rule)
        path = re.sub(r"<[^>]*>", "p1", re.sub(r"<int[^>:]*:[^>]*>", "1", path))
        for method in (rule.methods or set()) - {"OPTIONS"}:
            with app.test_client().open(path, method=method) as answer:
                status, shown = answer.status_code, answer.get_data(as_text=True)
            if status == 200:
                seen.add(rule.endpoint)
            else:
                assert status in (401, 403), f"{method} {path} is {status}"
            assert project.title not in shown
    assert seen == OPEN


def test_the_secret_is_no_login(client: FlaskClient, project: Project) -> None:
    assert client.get("/page/").status_code == 401
    assert client.get("/page/", headers={"Accept": "text/html"}).status_code == 303


def test_who_types_the_address_alone_is_shown_the_page(app: Flask) -> None:
    answer = app.test_client().get("/", headers={"Accept": "text/html,*/*"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/page/")
    assert app.test_client().get("/").status_code == 401, "programs bring the secret"


def test_a_login_is_no_secret(person: FlaskClient, project: Project) -> None:
    assert person.get("/page/p1/").status_code == 200
    for path in ("/versions", "/metrics", "/openapi.json", "/", "/nothing"):
        assert person.get(path).status_code == 401
    assert person.post("/webhook", json={"action": "X"}).status_code == 401


def test_addresses_below_the_page_that_are_none_tell_strangers_nothing(app: Flask, project: Project) -> None:
    there = app.test_client().get("/page/p1/")
    for path in ("/page/p99/", "/page/p1/nothing/at/all", "/pagex", "/page/../versions"):
        answer = app.test_client().get(path)
        assert answer.status_code == 401
        assert project.title not in answer.text
    assert there.text == app.test_client().get("/page/p99/").text, "whether there is such a project"
