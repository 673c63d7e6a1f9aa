"""A browser's requests to the page, without one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from annotator.dashboard import Page, page_blueprint
from annotator.dashboard.access import cookie_name, csrf_of
from annotator.dashboard.services import Picture
from annotator.exchange.order import make_here
from annotator.settings import Settings, load_settings
from annotator.store import Project, Role, Store
from annotator.store.logins import log_in
from annotator.store.people import add_person

STUDIO = "http://studio.test"
LABELS = ("cat", "dog", "tree")


class VersionsAsked:
    """Keeps which version was asked for, or fails as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, str, bool]] = []
        self.failure: Exception | None = None

    def use(self, project_id: int, name: str, *, pin: bool) -> None:
        if self.failure is not None:
            raise self.failure
        self.asked.append((project_id, name, pin))


class PicturesAsked:
    """Gives the words that it was asked with in the place of a picture, or fails as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[Picture, int]] = []
        self.failure: Exception | None = None

    def thumbnail(self, picture: Picture, size: int) -> "Small":
        return Small(self, picture, size)


@dataclass(frozen=True)
class Small:
    """A thumbnail that was asked for, of such pictures."""

    of: PicturesAsked
    picture: Picture
    size: int

    @property
    def tag(self) -> str:
        return f"{self.picture.digest}-{self.size}"

    def content(self) -> bytes:
        self.of.asked.append((self.picture, self.size))
        if self.of.failure is not None:
            raise self.of.failure
        return f"{self.picture.address} at {self.size}".encode()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, label_studio_url=STUDIO)


@pytest.fixture
def versions() -> VersionsAsked:
    return VersionsAsked()


@pytest.fixture
def pictures() -> PicturesAsked:
    return PicturesAsked()


@pytest.fixture
def page(store: Store, settings: Settings, versions: VersionsAsked, pictures: PicturesAsked) -> Page:
    """What the views need, on both engines."""
    return Page(store, settings, versions, pictures, partial(make_here, store, settings))


@pytest.fixture
def page_app(page: Page) -> Flask:
    """The page alone."""
    app = Flask("page")
    app.register_blueprint(page_blueprint(page))
    return app


@pytest.fixture
def stranger(page_app: Flask) -> FlaskClient:
    """The browser of somebody who is not logged in."""
    made = page_app.test_client()
    made.environ_base["HTTP_ACCEPT"] = "text/html"
    return made


@pytest.fixture
def log_in_as(page_app: Flask, store: Store, settings: Settings) -> Callable[[str, Role], FlaskClient]:
    """A browser in which a new person is logged in; its changes carry the token of a page of ours."""

    def log_in_with(name: str, role: Role) -> FlaskClient:
        with store.session() as session:
            person = add_person(session, name, role, "a hash")
            cookie = log_in(session, person.id, "a hash")
        assert cookie is not None
        made = page_app.test_client()
        made.set_cookie(cookie_name(settings), cookie, path="/page")
        made.environ_base |= {"HTTP_ACCEPT": "text/html", "HTTP_X_CSRF_TOKEN": csrf_of(cookie)}
        return made

    return log_in_with


@pytest.fixture
def browser(log_in_as: Callable[[str, Role], FlaskClient]) -> FlaskClient:
    """The browser of Ann, who answers."""
    return log_in_as("Ann", Role.ANSWER)


@pytest.fixture
def onlooker(log_in_as: Callable[[str, Role], FlaskClient]) -> FlaskClient:
    """The browser of Lou, who looks."""
    return log_in_as("Lou", Role.LOOK)


@pytest.fixture
def project(store: Store, connected_project: Callable[..., Project]) -> Project:
    """Label Studio's project 7, `p1`, with tasks 1 to 5."""
    with store.session() as session:
        return connected_project(session, STUDIO, LABELS)
