"""`onetag versions` and `onetag versions use N`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from annotator.settings import Settings
from annotator.store import ModelVersion, Project, Publication, Store
from model_backend.cli import main
from model_backend.commands import versions as module
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project


@pytest.fixture
def trained(
    sqlite_store: Store,
    new_project: Callable[..., Project],
    tag: Callable[..., None],
    resources: LearningResources,
) -> Settings:
    """The settings of a project with two versions; nothing is published yet."""
    project = new_project(sqlite_store, images=12)
    tag(sqlite_store, project, range(1, 7))
    for _ in range(2):
        train_project(sqlite_store, resources, project.id)
    return resources.settings


@pytest.fixture
def onetag(
    trained: Settings,
    pretend_studio: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Callable[..., str]:
    """The command, with a Label Studio that remembers."""
    monkeypatch.setattr(module, "open_studio", lambda _: pretend_studio)
    monkeypatch.setattr(module, "WORKER_SECONDS", 0.0)

    def run(*arguments: str) -> str:
        with pytest.raises(SystemExit) as ended:
            main(["versions", *arguments, "--data-dir", str(trained.data_dir)])
        told = capsys.readouterr()
        return told.out if not ended.value.code else told.err

    return run


def test_versions_are_listed_for_people_and_for_scripts(onetag: Callable[..., str]) -> None:
    told = onetag()
    assert "in use, to be published" in told
    rows = json.loads(onetag("--json"))
    assert [(row["number"], row["used"], row["publication"]) for row in rows] == [
        (2, True, "none"),
        (1, False, "none"),
    ]
    assert all(row["bytes"] > 0 for row in rows)


def test_going_back_publishes_and_says_what_comes(
    onetag: Callable[..., str], pretend_studio: Any, sqlite_store: Store
) -> None:
    assert "The next training's version takes its place" in onetag("use", "1")
    assert pretend_studio.queue.startswith("v0001")
    with sqlite_store.reading() as session:
        assert session.get_one(ModelVersion, 1).publication is Publication.PUBLISHED
    assert "Later trainings leave it in use" in onetag("use", "latest", "--pin")
    assert pretend_studio.queue.startswith("v0002")
    rows = json.loads(onetag("use", "1", "--json"))
    assert [row["used"] for row in rows] == [False, True]


def test_label_studio_down_leaves_the_publication_to_the_worker(
    onetag: Callable[..., str], pretend_studio: Any
) -> None:
    pretend_studio.failing = {"push"}
    assert "the worker sends them" in onetag("use", "1")


def test_what_cannot_be_used_is_said(onetag: Callable[..., str]) -> None:
    assert "Choose one of 2, 1, or latest" in onetag("use", "7")
    assert "onetag versions use 3" in onetag("use")
