"""Which backbone a project is trained with: `auto` stays with what it has, a name moves it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from annotator.settings import Settings
from annotator.store import ModelVersion, Project, Store
from model_backend.engine import backbones as module
from model_backend.engine.backbones import Backbones
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project
from model_backend.errors import LearningError
from tests.model_backend.conftest import read_picture


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    """A project with a few tags."""
    made = new_project(sqlite_store, images=12)
    tag(sqlite_store, made, range(1, 7))
    return made


@pytest.fixture
def train(sqlite_store: Store, engine_settings: Settings, project: Project) -> Callable[..., ModelVersion]:
    """Trains with a backbone, in a process that has just started."""

    def run(backbone: str, **more: object) -> ModelVersion:
        settings = engine_settings.model_copy(update={"backbone": backbone, **more})
        return train_project(sqlite_store, LearningResources(settings, read_picture), project.id)

    return run


def version_of(backbone: str) -> ModelVersion:
    return ModelVersion(name="v1", backbone=backbone)


def test_auto_begins_with_the_default_and_goes_on_with_it(train: Callable[..., ModelVersion]) -> None:
    assert train("auto").backbone == "efficientnet_lite0"
    assert train("auto").backbone == "efficientnet_lite0"


def test_auto_stays_with_what_a_project_has_until_another_is_named(
    train: Callable[..., ModelVersion],
) -> None:
    assert train("handcrafted").backbone == "handcrafted"
    assert train("auto").backbone == "handcrafted"
    moved = train("efficientnet_lite0", input_size=96)
    assert moved.backbone == "efficientnet_lite0@96"
    assert train("auto").backbone == "efficientnet_lite0@96"


def test_a_named_backbone_serves_its_own_versions_alone(engine_settings: Settings) -> None:
    found = Backbones(engine_settings)
    assert found.of(version_of("handcrafted")).name == "handcrafted"
    with pytest.raises(
        LearningError, match=r"was trained on resnet18, now handcrafted is chosen\. Train again"
    ):
        found.of(version_of("resnet18"))


def test_a_project_whose_backbone_is_gone_names_the_ways_out(
    engine_settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def gone(name: str, **_: object) -> None:
        raise LearningError(f"There are no weights of {name}.", "Put them back.")

    monkeypatch.setattr(module, "load_backbone", gone)
    found = Backbones(engine_settings.model_copy(update={"backbone": "auto"}))
    with pytest.raises(
        LearningError, match=r"The backbone swin_t.*Put them back.*--backbone efficientnet_lite0"
    ):
        found.of(version_of("swin_t"))
