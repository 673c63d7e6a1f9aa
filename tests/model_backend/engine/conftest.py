"""What the engine's tests share."""

from __future__ import annotations

import base64
import copy
import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from annotator.settings import Settings
from annotator.store import Image, ModelVersion, Project, Store
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project


@pytest.fixture
def studio(pretend_studio: Any) -> Any:
    """In this folder, unless a test is marked `studio`, Label Studio only remembers what it was sent."""
    return pretend_studio


@pytest.fixture
def train_and_publish(
    sqlite_store: Store, project: Project, resources: LearningResources, studio: Any
) -> Callable[[], ModelVersion]:
    """Trains and publishes, as a worker does."""

    def run() -> ModelVersion:
        version = train_project(sqlite_store, resources, project.id)
        publish(sqlite_store, resources.settings, project.id, studio)
        return version

    return run


@pytest.fixture
def without_studio(
    sqlite_store: Store, project: Project, paint: Callable[[int], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The project's images lie in the store, there is no Label Studio, and no variable is set."""
    for name in [name for name in os.environ if name.startswith("ONETAG_")]:
        monkeypatch.delenv(name)
    with sqlite_store.session() as session:
        session.get_one(Project, project.id).studio_url = None
        for number, image in enumerate(session.scalars(select(Image).order_by(Image.id)), start=1):
            image.uri = f"data:image/png;base64,{base64.b64encode(paint(number)).decode()}"


def with_settings(resources: LearningResources, settings: Settings) -> LearningResources:
    """The same resources, with all they have loaded, for other settings."""
    changed = copy.copy(resources)
    changed.settings = settings
    return changed
