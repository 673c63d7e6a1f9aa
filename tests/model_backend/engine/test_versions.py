import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import func, select

from annotator.errors import OnetagError
from annotator.settings import Settings
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Observed,
    Project,
    Publication,
    Source,
    Store,
    Submission,
    Suggested,
    Suggestion,
    load_vectors,
    record_annotation,
    store_suggestions,
    store_vectors,
)
from annotator.store.versions import next_name
from model_backend.engine.versions import prune, save_version

KEPT = 3


class Model:
    """Something that can be saved, or fails half-way."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def save(self, folder: Path) -> None:
        (folder / "weights").write_text("1")
        if self.failure:
            raise self.failure
        (folder / "model.json").write_text(json.dumps({"whole": True}))


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project]) -> Project:
    return new_project(sqlite_store, images=2)


def add_version(
    store: Store, settings: Settings, project: Project, *, active: bool = True, age: timedelta = timedelta()
) -> ModelVersion:
    with store.session() as session:
        name = next_name(session, project.id)
        folder = save_version(settings.data_dir, project.id, name, Model())
        version = ModelVersion(
            project_id=project.id,
            name=name,
            labels=["red"],
            label_ids=[1],
            folder=folder,
            backbone="none",
            created_at=datetime.now(UTC) - age,
        )
        session.add(version)
        session.flush()
        images = list(session.scalars(select(Image.id)))
        store_vectors(session, version.id, images, np.full((len(images), 1), 0.5))
        store_suggestions(session, version.id, [Suggested(image, [], 0.5, 0) for image in images])
        if active:
            session.get_one(Project, project.id).active_version_id = version.id
    return version


def rows(store: Store, table: type[LabelVector] | type[Suggestion], version: ModelVersion) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).where(table.version_id == version.id)) or 0


def test_a_version_is_on_disk_whole_or_not_at_all(tmp_path: Path) -> None:
    assert save_version(tmp_path, 1, "v0001-x", Model()) == "versions/project-1/v0001-x"
    folder = tmp_path / "versions" / "project-1"
    assert sorted(file.name for file in (folder / "v0001-x").iterdir()) == [
        "SHA256SUMS",
        "model.json",
        "weights",
    ]

    full = OSError(28, "No space left on device")
    with pytest.raises(OnetagError, match=r"No space left on device.*Free some space"):
        save_version(tmp_path, 1, "v0002-x", Model(full))
    assert [entry.name for entry in folder.iterdir()] == ["v0001-x"]


def test_what_a_killed_training_of_the_same_name_left_is_replaced(tmp_path: Path) -> None:
    left = tmp_path / "versions" / "project-1" / "v0001-x" / "half"
    left.parent.mkdir(parents=True)
    left.write_text("of before")
    save_version(tmp_path, 1, "v0001-x", Model())
    assert not left.exists()
    assert (left.parent / "weights").exists()


def test_names_sort_by_age(sqlite_store: Store, engine_settings: Settings, project: Project) -> None:
    names = [add_version(sqlite_store, engine_settings, project).name for _ in range(3)]
    assert names == sorted(names)
    assert [name.partition("-")[0] for name in names] == ["v0001", "v0002", "v0003"]


def test_old_versions_let_go_of_what_is_large_and_keep_their_record(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    versions = [add_version(sqlite_store, engine_settings, project) for _ in range(KEPT + 2)]
    assert prune(sqlite_store, engine_settings, project.id) == [versions[1].name, versions[0].name]
    for version in versions[:2]:
        assert not (engine_settings.data_dir / version.folder).exists()
        assert rows(sqlite_store, LabelVector, version) == 0
        assert rows(sqlite_store, Suggestion, version) == 2, "late annotations are compared with these"
    for version in versions[2:]:
        assert (engine_settings.data_dir / version.folder / "model.json").is_file()
        assert rows(sqlite_store, LabelVector, version) == 2
    with sqlite_store.reading() as session:
        assert session.scalar(select(func.count(ModelVersion.id))) == KEPT + 2
    assert prune(sqlite_store, engine_settings, project.id) == []


def test_the_vectors_of_answered_images_stay_for_the_calibration(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    versions = [add_version(sqlite_store, engine_settings, project) for _ in range(KEPT + 2)]
    with sqlite_store.session() as session:
        images = list(session.scalars(select(Image).order_by(Image.id)))
        record_annotation(
            session,
            session.get_one(Project, project.id),
            images[1],
            Submission(
                studio_annotation=1,
                result=[],
                skipped=False,
                annotator="ann",
                lead_time=1.0,
                suggested_version=versions[0].name,
                suggested=["red"],
                observed=[Observed("red", 1, Source.CONFIRMED)],
                at=datetime.now(UTC),
            ),
        )
    prune(sqlite_store, engine_settings, project.id)
    assert [rows(sqlite_store, LabelVector, version) for version in versions[:2]] == [1, 0]
    with sqlite_store.reading() as session:
        assert load_vectors(session, versions[0].id)[0] == [images[1].id]


def test_suggestions_are_forgotten_after_a_day(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    old = add_version(sqlite_store, engine_settings, project, age=timedelta(days=2))
    for _ in range(KEPT):
        add_version(sqlite_store, engine_settings, project)
    prune(sqlite_store, engine_settings, project.id)
    assert rows(sqlite_store, Suggestion, old) == 0


def test_how_many_are_kept_is_a_setting(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    versions = [add_version(sqlite_store, engine_settings, project) for _ in range(3)]
    prune(sqlite_store, engine_settings.model_copy(update={"keep_versions": 1}), project.id)
    kept = [(engine_settings.data_dir / version.folder).exists() for version in versions]
    assert kept == [False, False, True]


def test_the_version_in_label_studios_queue_is_not_pruned_until_another_is_there(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    settings = engine_settings.model_copy(update={"keep_versions": 1})
    published = [add_version(sqlite_store, settings, project) for _ in range(2)]
    with sqlite_store.session() as session:
        for hour, version in enumerate(published):
            found = session.get_one(ModelVersion, version.id)
            found.publication, found.published_at = (
                Publication.PUBLISHED,
                datetime(2026, 1, 1, hour, tzinfo=UTC),
            )
    add_version(sqlite_store, settings, project)
    assert prune(sqlite_store, settings, project.id) == [published[0].name]
    assert (settings.data_dir / published[1].folder).is_dir()


def test_the_active_version_is_never_pruned(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    active = add_version(sqlite_store, engine_settings, project, age=timedelta(days=2))
    for _ in range(KEPT + 1):
        add_version(sqlite_store, engine_settings, project, active=False)
    prune(sqlite_store, engine_settings, project.id)
    assert (engine_settings.data_dir / active.folder).is_dir()
    assert rows(sqlite_store, LabelVector, active) == rows(sqlite_store, Suggestion, active) == 2


def test_what_a_killed_training_left_on_disk_is_removed_later(
    sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    kept = add_version(sqlite_store, engine_settings, project)
    parent = (engine_settings.data_dir / kept.folder).parent
    long_ago = datetime.now(UTC).timestamp() - 7200
    for name in ("v0009-dead", ".v0010-dead.4711"):
        (parent / name).mkdir()
        os.utime(parent / name, (long_ago, long_ago))
    (parent / ".v0011-in-the-making.4712").mkdir()
    prune(sqlite_store, engine_settings, project.id)
    assert sorted(entry.name for entry in parent.iterdir()) == [".v0011-in-the-making.4712", kept.name]
