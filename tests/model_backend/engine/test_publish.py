import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.backends import BACKEND_TITLE
from annotator.settings import Settings
from annotator.store import (
    Image,
    ModelVersion,
    Project,
    Publication,
    Store,
    Suggested,
    Suggestion,
    store_suggestions,
    sync_labels,
)
from model_backend.engine.publish import clear_old, publish, title_backends, unpublished


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project]) -> Project:
    return new_project(sqlite_store, images=6)


def new_version(store: Store, project: Project, name: str = "v0001-x") -> ModelVersion:
    """An active version that suggests red and blue for every image, the last one first."""
    with store.session() as session:
        version = ModelVersion(
            project_id=project.id,
            name=name,
            labels=["red", "green", "blue"],
            label_ids=[1, 2, 3],
            folder="",
            backbone="",
        )
        session.add(version)
        session.flush()
        images = list(
            session.scalars(select(Image.id).where(Image.project_id == project.id).order_by(Image.id))
        )
        scores = np.linspace(0.9, 0.1, len(images))
        rows = [
            Suggested(image, ["red", "blue"], float(score), 0)
            for image, score in zip(images, scores, strict=True)
        ]
        store_suggestions(session, version.id, rows)
        session.get_one(Project, project.id).active_version_id = version.id
    return version


def pushed(store: Store) -> int:
    with store.reading() as session:
        return len(session.scalars(select(Suggestion).where(Suggestion.pushed_at.is_not(None))).all())


def published(store: Store, name: str, *, minutes_ago: float) -> None:
    """Let a version have been published so long ago."""
    with store.session() as session:
        version = session.scalars(select(ModelVersion).where(ModelVersion.name == name)).one()
        version.published_at = datetime.now(UTC) - timedelta(minutes=minutes_ago)


def test_pushes_then_switches_the_queue(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    version = new_version(sqlite_store, project)
    assert publish(sqlite_store, engine_settings, project.id, studio) == 6
    assert studio.calls == ["push", "set queue"]
    assert studio.queue == version.name
    first = min(studio.predictions, key=lambda each: each["score"])
    assert first["task"] == 706
    assert first["result"][0]["value"] == {"choices": ["red", "blue"]}
    assert pushed(sqlite_store) == 6


def test_the_window_holds_the_most_useful_tasks_that_nobody_has_answered(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any, tag: Callable[..., None]
) -> None:
    new_version(sqlite_store, project)
    tag(sqlite_store, project, [6, 4])
    publish(sqlite_store, engine_settings.model_copy(update={"window": 3}), project.id, studio)
    assert sorted(each["task"] for each in studio.predictions) == [702, 703, 705]


def test_a_label_that_left_the_config_since_the_training_is_not_pushed(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    new_version(sqlite_store, project)
    with sqlite_store.session() as session:
        sync_labels(session, session.get_one(Project, project.id), ["red", "navy", "green"])
    publish(sqlite_store, engine_settings, project.id, studio)
    assert all(each["result"][0]["value"] == {"choices": ["red"]} for each in studio.predictions)


def test_what_is_published_is_left_alone(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    new_version(sqlite_store, project)
    publish(sqlite_store, engine_settings, project.id, studio)
    assert publish(sqlite_store, engine_settings, project.id, studio) == 0
    assert len(studio.predictions) == 6


@pytest.mark.parametrize("where", ["push", "set queue"])
def test_interrupted_anywhere_it_can_be_done_again_without_duplicates(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any, where: str
) -> None:
    version = new_version(sqlite_store, project)
    studio.failing = {where}
    with pytest.raises(OnetagError):
        publish(sqlite_store, engine_settings, project.id, studio)
    with sqlite_store.reading() as session:
        assert unpublished(session, studio.url) == [project.id]
    studio.failing = set()
    assert publish(sqlite_store, engine_settings, project.id, studio) == 6
    assert sorted(each["task"] for each in studio.predictions) == [701, 702, 703, 704, 705, 706]
    assert studio.queue == version.name
    with sqlite_store.reading() as session:
        assert unpublished(session, studio.url) == []


def test_interrupted_after_the_switch_the_queue_that_annotators_see_is_left_alone(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    version = new_version(sqlite_store, project)
    publish(sqlite_store, engine_settings, project.id, studio)
    with sqlite_store.session() as session:
        session.get_one(ModelVersion, version.id).publication = Publication.PUBLISHING
    studio.calls.clear()
    assert publish(sqlite_store, engine_settings, project.id, studio) == 0
    assert studio.calls == []
    assert len(studio.predictions) == 6
    with sqlite_store.reading() as session:
        assert unpublished(session, studio.url) == []


def test_with_everything_answered_there_is_nothing_to_push(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any, tag: Callable[..., None]
) -> None:
    new_version(sqlite_store, project)
    tag(sqlite_store, project, range(1, 7))
    assert publish(sqlite_store, engine_settings, project.id, studio) == 0
    assert studio.calls == []
    with sqlite_store.reading() as session:
        assert unpublished(session, studio.url) == []


def test_old_versions_are_cleared_only_after_the_new_one_is_there(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    new_version(sqlite_store, project, "v0001-x")
    publish(sqlite_store, engine_settings, project.id, studio)
    new_version(sqlite_store, project, "v0002-x")
    assert clear_old(sqlite_store, project.id, studio) == [], "the new version is not there yet"
    publish(sqlite_store, engine_settings, project.id, studio)
    published(sqlite_store, "v0001-x", minutes_ago=300)
    assert clear_old(sqlite_store, project.id, studio) == [], "a page may have shown the old one until now"
    published(sqlite_store, "v0002-x", minutes_ago=31)
    assert clear_old(sqlite_store, project.id, studio) == ["v0001-x"]
    assert {each["model_version"] for each in studio.predictions} == {"v0002-x"}


def test_a_version_that_was_gone_back_to_counts_from_then(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    for name in ("v0001-x", "v0002-x", "v0003-x"):
        new_version(sqlite_store, project, name)
        publish(sqlite_store, engine_settings, project.id, studio)
    for name, minutes in (("v0002-x", 300), ("v0001-x", 40), ("v0003-x", 5)):
        published(sqlite_store, name, minutes_ago=minutes)
    assert clear_old(sqlite_store, project.id, studio) == ["v0002-x"], (
        "the first was shown until five minutes ago"
    )


def test_our_backends_title_follows_the_published_version(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    ours, foreign = "http://127.0.0.1:9090", "http://elsewhere"
    studio.titles = {ours: BACKEND_TITLE, foreign: "another model"}
    for name in ("v0001-x", "v0002-x"):
        before = dict(studio.titles)
        new_version(sqlite_store, project, name)
        title_backends(sqlite_store, project.id, studio, SecretStr("s"))
        assert studio.titles == before, "its predictions are not there yet"
        publish(sqlite_store, engine_settings, project.id, studio)
        title_backends(sqlite_store, project.id, studio, SecretStr("s"))
        assert studio.titles == {ours: name, foreign: "another model"}
    title_backends(sqlite_store, project.id, studio, SecretStr("s"))
    assert studio.calls.count("title") == 2


def test_a_version_that_was_overtaken_while_it_was_pushed_leaves_the_queue_alone(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    studio: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = new_version(sqlite_store, project, "v0001-x")
    push = studio.push_predictions

    def slow_push(number: int, items: Any) -> int:
        monkeypatch.setattr(studio, "push_predictions", push)
        new_version(sqlite_store, project, "v0002-x")
        publish(sqlite_store, engine_settings, project.id, studio)
        return int(push(number, items))

    monkeypatch.setattr(studio, "push_predictions", slow_push)
    publish(sqlite_store, engine_settings, project.id, studio)
    assert studio.queue == "v0002-x"
    assert studio.calls.count("set queue") == 1
    with sqlite_store.reading() as session:
        assert session.get_one(ModelVersion, old.id).publication is Publication.OVERTAKEN
    assert clear_old(sqlite_store, project.id, studio) == ["v0001-x"]


@pytest.mark.parametrize("first_to_note", ["v0001-x", "v0002-x"])
def test_a_switch_to_an_older_version_at_the_last_moment_is_put_right(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    studio: Any,
    monkeypatch: pytest.MonkeyPatch,
    first_to_note: str,
) -> None:
    """Two processes: the older one switches last, whichever of the two notes first what it did."""
    new_version(sqlite_store, project, "v0001-x")
    arrived, go = threading.Event(), threading.Event()
    switch = studio.set_queue
    older = threading.Thread(target=publish, args=(sqlite_store, engine_settings, project.id, studio))

    def set_queue(number: int, version: str) -> None:
        if version == "v0001-x":
            arrived.set()
            assert go.wait(30)
        switch(number, version)
        if first_to_note == "v0001-x" and not go.is_set():
            go.set()
            older.join(30)

    monkeypatch.setattr(studio, "set_queue", set_queue)
    older.start()
    assert arrived.wait(30)
    new_version(sqlite_store, project, "v0002-x")
    publish(sqlite_store, engine_settings, project.id, studio)
    go.set()
    older.join(30)
    assert not older.is_alive()
    assert studio.queue == "v0002-x"


def test_others_predictions_are_never_cleared(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    studio.predictions.append({"model_version": "someone else's model", "task": 701})
    new_version(sqlite_store, project)
    publish(sqlite_store, engine_settings, project.id, studio)
    assert clear_old(sqlite_store, project.id, studio) == []


def test_a_project_without_a_version_has_nothing_to_publish(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    assert publish(sqlite_store, engine_settings, project.id, studio) == 0
    assert clear_old(sqlite_store, project.id, studio) == []
    assert studio.calls == []


def test_a_project_of_another_label_studio_is_left_alone(
    sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    """Number 7 there is somebody else's project: its tasks must not get our suggestions."""
    new_version(sqlite_store, project)
    studio.url = "http://elsewhere.test"
    assert publish(sqlite_store, engine_settings, project.id, studio) == 0
    assert clear_old(sqlite_store, project.id, studio) == []
    with sqlite_store.reading() as session:
        assert unpublished(session, studio.url) == []
    assert studio.calls == []
