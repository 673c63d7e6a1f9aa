from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr

from annotator.settings import Settings, load_settings
from annotator.store import Project, Store
from model_backend.engine.predict import Predictor
from model_backend.server import create_app

STUDIO = "http://studio.test"
SECRET = "a shared secret"
LABELS = ("cat", "dog", "tree")


class Nudges:
    """Stands for the job queue: counts the nudges, or fails as an unreachable queue does."""

    def __init__(self) -> None:
        self.count = 0
        self.failure: Exception | None = None

    def process_inbox(self) -> None:
        if self.failure:
            raise self.failure
        self.count += 1

    def tell(self) -> None:
        self.process_inbox()

    def adjust_thresholds(self) -> None:
        self.process_inbox()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, secret=SecretStr(SECRET), label_studio_url=STUDIO)


@pytest.fixture
def nudges() -> Nudges:
    return Nudges()


def no_workbench() -> None:
    pytest.fail("a model was asked for")


@pytest.fixture
def app(sqlite_store: Store, settings: Settings, nudges: Nudges) -> Flask:
    """The app on a store; whoever asks it to compute fails the test."""
    return create_app(sqlite_store, settings, nudges, Predictor(sqlite_store, settings, no_workbench))  # type: ignore[arg-type]


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client that knows the secret."""
    made = app.test_client()
    made.environ_base["HTTP_X_ONETAG_SECRET"] = SECRET
    return made


@pytest.fixture
def project(sqlite_store: Store, connected_project: Callable[..., Project]) -> Project:
    """Label Studio's project 7 with tasks 1 to 5."""
    with sqlite_store.session() as session:
        return connected_project(session, STUDIO, LABELS)
