"""What holds of all views."""

import logging

import pytest
from flask.testing import FlaskClient

from annotator.errors import OnetagError
from annotator.store import Project, Store


def test_with_one_project_its_progress_is_the_first_page(browser: FlaskClient, project: Project) -> None:
    answer = browser.get("/page/", follow_redirects=True)
    assert answer.request.path == f"/page/{project.key}/"
    assert "<h1>Progress</h1>" in answer.text


def test_without_a_project_it_says_how_to_start(browser: FlaskClient) -> None:
    assert "onetag up IMAGES" in browser.get("/page/").text


@pytest.mark.parametrize("key", ["p2", "p01", "1", "p-1", "pp1", "p\u0661", "p" + "9" * 30, "%00"])
def test_a_key_that_no_project_has_is_a_page_that_says_so(
    browser: FlaskClient, project: Project, key: str
) -> None:
    answer = browser.get(f"/page/{key}/")
    assert answer.status_code == 404
    assert "There is no project" in answer.text


def test_a_title_is_text_and_never_html(browser: FlaskClient, project: Project, store: Store) -> None:
    with store.session() as session:
        session.get_one(Project, project.id).title = "<script>alert(1)</script>"
    text = browser.get(f"/page/{project.key}/").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


@pytest.mark.parametrize("error", [OnetagError("postgresql://u:secret@h", "Fix it."), ValueError("secret")])
def test_what_went_wrong_stands_in_the_log_and_not_on_the_page(
    browser: FlaskClient,
    project: Project,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("annotator.dashboard.page.Page.project", fail)
    with caplog.at_level(logging.ERROR):
        answer = browser.get(f"/page/{project.key}/")
    assert answer.status_code in (500, 503)
    assert "secret" not in answer.text
    assert "secret" in caplog.text
