"""Choosing among versions: listed with all that tells them apart, gone back to, published again, pinned."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import ModelVersion, Project, Publication, RunReason, Store, queue_run
from annotator.store.versions import active_version
from model_backend.engine.publish import publish, unpublished
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_run
from model_backend.engine.version_list import VersionRow, go_to_version, list_versions
from model_backend.engine.versions import prune
from tests.model_backend.conftest import STUDIO_URL

Train = Callable[[], ModelVersion]


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=12)
    tag(sqlite_store, made, range(1, 7))
    return made


def listed(store: Store, settings: Settings, project: Project) -> list[VersionRow]:
    return list_versions(store, settings.data_dir, project.id)


def in_use(store: Store, project: Project) -> str:
    with store.reading() as session:
        version = active_version(session, project.id)
        assert version is not None
        return version.name


def test_the_list_tells_the_versions_apart(
    train_and_publish: Train, sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    first, second = train_and_publish(), train_and_publish()
    rows = listed(sqlite_store, engine_settings, project)
    assert [(row.number, row.name, row.used) for row in rows] == [
        (2, second.name, True),
        (1, first.name, False),
    ]
    for row, version in zip(rows, (second, first), strict=True):
        folder = engine_settings.data_dir / version.folder
        assert row.bytes == sum(file.stat().st_size for file in folder.iterdir()) > 0
        assert (row.kept, row.damaged, row.pinned) == (True, None, False)
        assert row.metrics == version.metrics
        assert row.publication is Publication.PUBLISHED
        assert row.published_at is not None
    assert [row.metrics["from_version"] for row in rows] == [first.name, None]


def test_an_earlier_version_is_used_and_published_like_a_new_one(
    train_and_publish: Train, sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    first, second = train_and_publish(), train_and_publish()
    assert studio.queue == second.name
    of_first = [each for each in studio.predictions if each["model_version"] == first.name]
    assert go_to_version(sqlite_store, engine_settings.data_dir, project.id, "1", pin=False).id == first.id
    with sqlite_store.reading() as session:
        assert unpublished(session, STUDIO_URL) == [project.id], "the worker's check would find it, too"
    publish(sqlite_store, engine_settings, project.id, studio)
    assert studio.queue == first.name
    assert [each for each in studio.predictions if each["model_version"] == first.name] == of_first
    assert [row.used for row in listed(sqlite_store, engine_settings, project)] == [False, True]


def test_a_later_training_takes_its_place_and_starts_from_it(
    train_and_publish: Train, sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    first, _ = train_and_publish(), train_and_publish()
    go_to_version(sqlite_store, engine_settings.data_dir, project.id, "1", pin=False)
    third = train_and_publish()
    assert third.metrics["from_version"] == first.name
    assert in_use(sqlite_store, project) == studio.queue == third.name


def test_a_pinned_version_stays_until_another_is_chosen(
    train_and_publish: Train, sqlite_store: Store, engine_settings: Settings, project: Project, studio: Any
) -> None:
    first, _ = train_and_publish(), train_and_publish()
    go_to_version(sqlite_store, engine_settings.data_dir, project.id, first.name, pin=True)
    later = [train_and_publish() for _ in range(4)]
    assert in_use(sqlite_store, project) == studio.queue == first.name
    assert {version.metrics["from_version"] for version in later} == {first.name}
    prune(sqlite_store, engine_settings, project.id)
    rows = listed(sqlite_store, engine_settings, project)
    assert [row.number for row in rows if row.kept] == [6, 5, 4, 1]
    assert [row.number for row in rows if row.pinned] == [1]
    go_to_version(sqlite_store, engine_settings.data_dir, project.id, "latest", pin=False)
    publish(sqlite_store, engine_settings, project.id, studio)
    assert studio.queue == later[-1].name
    assert in_use(sqlite_store, project) == later[-1].name


def test_a_pinned_version_that_is_damaged_gives_way(
    train_and_publish: Train, sqlite_store: Store, resources: LearningResources, project: Project
) -> None:
    train_and_publish()
    go_to_version(sqlite_store, resources.settings.data_dir, project.id, "1", pin=True)
    with sqlite_store.session() as session:
        run = queue_run(session, project.id, RunReason.VERSION_DAMAGED)
        assert run is not None
    version = train_run(sqlite_store, resources, run.id)
    assert in_use(sqlite_store, project) == version.name
    with sqlite_store.reading() as session:
        assert not session.scalars(select(Project.version_pinned)).one()


def test_what_cannot_be_used_is_refused_with_what_can(
    train_and_publish: Train, sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    def use(wanted: str) -> None:
        go_to_version(sqlite_store, engine_settings.data_dir, project.id, wanted, pin=False)

    with pytest.raises(OnetagError, match="onetag train"):
        use("latest")
    made = [train_and_publish() for _ in range(5)]
    prune(sqlite_store, engine_settings, project.id)
    for wanted in ("2", made[1].name, "99", "v"):
        with pytest.raises(OnetagError, match=r"Choose one of 5, 4, 3, or latest"):
            use(wanted)
    (engine_settings.data_dir / made[2].folder / "model.json").write_text("{}")
    shutil.rmtree(engine_settings.data_dir / made[3].folder)
    for wanted in ("3", "4"):
        with pytest.raises(OnetagError, match="is damaged"):
            use(wanted)
    rows = {row.number: row.damaged for row in listed(sqlite_store, engine_settings, project) if row.kept}
    assert rows == {5: None, 4: made[3].name, 3: "model.json"}
    assert in_use(sqlite_store, project) == made[-1].name
