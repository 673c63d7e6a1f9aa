"""What takes long the first time is done before anybody asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.event import listen, remove

from annotator.dashboard import Page
from annotator.dashboard.warming import PROJECTS, Warming
from annotator.store import Project, Store
from tests.annotator.dashboard.made_versions import add_version

CHANCES = [[0.9, 0.5, 0.1]] * 5


def with_version(store: Store, project: Project, name: str) -> None:
    with store.session() as session:
        add_version(session, project, name, CHANCES, [0.8] * 3)


@pytest.fixture
def read_as_a_whole(store: Store) -> Iterator[list[str]]:
    """The statements that read all vectors of a version."""
    read: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "label_vectors.probabilities" in statement and "image_id IN" not in statement:
            read.append(statement)

    listen(store.engine, "before_cursor_execute", note)
    yield read
    remove(store.engine, "before_cursor_execute", note)


def test_whoever_comes_later_finds_everything_in_memory(
    page_app: Flask, page: Page, project: Project, browser: FlaskClient, read_as_a_whole: list[str]
) -> None:
    with_version(page.store, project, "v1")
    assert Warming(page).look() == [project.id]
    assert len(read_as_a_whole) == 1
    for path in ("/", "/images", "/images?find=missing", "/images?least=50&order=probable"):
        assert browser.get(f"/page/{project.key}{path}").status_code == 200
    assert len(read_as_a_whole) == 1


def test_a_version_that_comes_is_warmed_once(page_app: Flask, page: Page, project: Project) -> None:
    warmed: list[int] = []
    page.warm[:] = [warmed.append]
    warming = Warming(page)
    assert warming.look() == [project.id]  # which has none yet
    assert warming.look() == []
    with_version(page.store, project, "v1")
    assert warming.look() == [project.id]
    assert warming.look() == []
    assert warmed == [project.id] * 2


def test_only_the_projects_whose_versions_came_last_are_warmed(
    page_app: Flask, page: Page, make_project: Callable[..., Project]
) -> None:
    page.warm.clear()
    with page.store.session() as session:
        projects = [make_project(session, images=5, title=f"p {number}") for number in range(PROJECTS + 1)]
    for project in projects[:PROJECTS]:
        with_version(page.store, project, "v1")
    assert sorted(Warming(page).look()) == [project.id for project in projects[:PROJECTS]]


def test_nothing_more_is_warmed_once_it_is_stopped(page_app: Flask, page: Page, project: Project) -> None:
    warmed: list[int] = []
    page.warm[:] = [warmed.append]
    warming = Warming(page)
    warming.stop()
    assert warming.look() == []
    assert warmed == []


def test_what_goes_wrong_is_in_the_log_and_no_more(
    page_app: Flask, page: Page, project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[int] = []
    warming = Warming(page)

    def fail(project_id: int) -> None:
        asked.append(project_id)
        warming.stop()
        raise ValueError("no")

    page.warm[:] = [fail]
    warming.run(page_app)
    assert asked == [project.id]
    assert "could not be warmed" in caplog.text
