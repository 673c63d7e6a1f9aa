import itertools
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sqlalchemy import func, select, update

from annotator.errors import OnetagError
from annotator.labelstudio.answers import ticked
from annotator.settings import Asking, Settings
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    RunGone,
    RunReason,
    Store,
    Suggestion,
    TrainingRun,
    Unusable,
    fail_lost_runs,
    image_problems,
    load_vectors,
    queue_run,
    sync_labels,
)
from annotator.store.watch import Watch
from model_backend.engine import fitting
from model_backend.engine.publish import publish_if_possible
from model_backend.engine.resources import LearningResources
from model_backend.engine.runs import Stopped
from model_backend.engine.train import train_project, train_run
from model_backend.engine.versions import save_version
from model_backend.errors import LearningError
from model_backend.features.extract import MOST_WORKERS
from model_backend.training import LabelModel
from tests.model_backend.conftest import Colours, read_picture

IMAGES = 24


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    """A project of which half of the images are tagged."""
    made = new_project(sqlite_store, images=IMAGES)
    tag(sqlite_store, made, range(1, 13))
    return made


@pytest.fixture
def train(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    resources: LearningResources,
    studio: Any,
) -> Callable[..., ModelVersion]:
    """Trains the project as a command does: a run of its own, then published."""

    def run(resources: LearningResources = resources, **options: Any) -> ModelVersion:
        version = train_project(sqlite_store, resources, project.id, **options)
        publish_if_possible(sqlite_store, engine_settings, project.id, studio)
        return version

    return run


@pytest.fixture
def work_on(
    sqlite_store: Store, project: Project, resources: LearningResources
) -> Callable[..., ModelVersion]:
    """Queues a run for a reason and works on it, as a worker does."""

    def run(reason: RunReason = RunReason.NEW_OBSERVATIONS, **options: Any) -> ModelVersion:
        with sqlite_store.session() as session:
            queued = queue_run(session, project.id, reason)
        assert queued is not None
        return train_run(sqlite_store, resources, queued.id, **options)

    return run


def runs(store: Store) -> list[TrainingRun]:
    with store.reading() as session:
        return list(session.scalars(select(TrainingRun).order_by(TrainingRun.id)))


def count(store: Store, table: type) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def set_image(store: Store, task: int, **values: Any) -> None:
    with store.session() as session:
        session.execute(update(Image).where(Image.studio_task == task).values(**values))


def test_a_training_leaves_a_version_with_a_vector_for_every_image(
    train: Callable[..., ModelVersion], sqlite_store: Store, engine_settings: Settings, project: Project
) -> None:
    version = train()
    with sqlite_store.reading() as session:
        image_ids, vectors = load_vectors(session, version.id)
        assert session.get_one(Project, project.id).active_version_id == version.id
    assert len(image_ids) == IMAGES
    assert vectors.shape == (IMAGES, 3)
    assert version.labels == ["red", "green", "blue"]
    assert version.backbone == "colours"
    model = LabelModel.load(engine_settings.data_dir / version.folder)
    assert np.array_equal(model.thresholds, np.array(version.thresholds, dtype=np.float32))
    (run,) = runs(sqlite_store)
    assert (run.state, run.progress, run.version_id, run.observations) == ("done", 1.0, version.id, 12)
    assert run.metrics["images"] == IMAGES


def test_a_training_asks_the_backbone_what_it_expects_by_the_names_of_the_labels(
    train: Callable[..., ModelVersion], resources: LearningResources, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train()
    asked: list[list[str]] = []

    def expected(features: NDArray[np.float32], labels: list[str]) -> NDArray[np.float32]:
        asked.append(list(labels))
        told = np.full((len(features), len(labels)), np.nan, np.float32)
        told[:, 0] = np.linspace(0.01, 1, len(features))
        return told

    monkeypatch.setattr(resources.backbone, "expected", expected)
    informed = train()
    assert asked == [["red", "green", "blue"]]
    assert plain.metrics["images"] == informed.metrics["images"] == IMAGES


def test_a_first_training_takes_the_tagged_images_and_some_others(
    work_on: Callable[..., ModelVersion], sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "FIRST_IMAGES", 15)
    version = work_on()
    assert (version.metrics["images"], version.metrics["waiting"], version.metrics["unreadable"]) == (
        15,
        9,
        0,
    )
    with sqlite_store.reading() as session:
        image_ids, _ = load_vectors(session, version.id)
        tagged = set(session.scalars(select(Observation.image_id)))
    assert tagged < set(image_ids)
    following = work_on(RunReason.IMAGES_TO_COME)
    assert (following.metrics["images"], following.metrics["waiting"]) == (IMAGES, 0)


def test_a_first_training_that_somebody_asked_for_takes_all_images(
    train: Callable[..., ModelVersion], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "FIRST_IMAGES", 15)
    assert train().metrics["images"] == IMAGES


def test_suggestions_reach_label_studio(train: Callable[..., ModelVersion], studio: Any) -> None:
    version = train()
    assert studio.calls == ["push", "set queue"]
    assert studio.queue == version.name
    assert sorted(each["task"] for each in studio.predictions) == list(range(713, 725)), "the untagged half"


def test_a_version_that_cannot_be_published_is_kept(
    train: Callable[..., ModelVersion], studio: Any, sqlite_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    studio.failing = {"push"}
    train()
    assert runs(sqlite_store)[0].state == "done"
    assert "waits to be published" in caplog.text


def test_the_same_store_gives_the_same_vectors(
    train: Callable[..., ModelVersion], sqlite_store: Store
) -> None:
    first, second = train(), train()
    with sqlite_store.reading() as session:
        one, other = (load_vectors(session, version.id)[1] for version in (first, second))
    assert np.array_equal(one, other)
    assert second.metrics["map_reused"]


def test_features_are_computed_once(
    train: Callable[..., ModelVersion],
    sqlite_store: Store,
    engine_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train()

    def refuse(uri: str) -> bytes:
        pytest.fail(f"{uri} was read again")

    again = LearningResources(engine_settings, refuse, _colours())
    train(resources=again)


def test_rotten_features_are_computed_anew(
    train: Callable[..., ModelVersion],
    sqlite_store: Store,
    resources: LearningResources,
    engine_settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = train()
    with closing(sqlite3.connect(resources.cache.path)) as connection, connection:
        rot = "UPDATE features SET numbers = CAST(x'007e' || substr(numbers, 3) AS BLOB) WHERE rowid % 3 = 0"
        assert connection.execute(rot).rowcount == IMAGES // 3
    second = train(LearningResources(engine_settings, read_picture, Colours()))
    assert f"{IMAGES // 3} images" in caplog.text
    with sqlite_store.reading() as session:
        one, other = (load_vectors(session, version.id)[1] for version in (first, second))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("file", ["model.json", "model.safetensors", "SHA256SUMS", ""])
def test_a_damaged_version_costs_the_next_training_time_and_nothing_else(
    train: Callable[..., ModelVersion],
    engine_settings: Settings,
    file: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = train()
    folder = engine_settings.data_dir / version.folder
    if file:
        (folder / file).write_bytes(b"{}")
    else:
        shutil.rmtree(folder)
    again = train(LearningResources(engine_settings, read_picture, Colours()))
    assert not again.metrics["map_reused"]
    assert f"Version {version.name} cannot be built upon" in caplog.text


def _colours() -> Any:
    class Same:
        name, fingerprint, blocks = "colours", "colours-1", (6,)

        def expected(self, *_: object) -> None:
            return None

    return Same()


def test_an_unreadable_image_is_noted_and_the_others_go_on(
    train: Callable[..., ModelVersion], sqlite_store: Store
) -> None:
    set_image(sqlite_store, 724, uri="/data/bad.png")
    set_image(sqlite_store, 723, uri="/data/gone.png")
    version = train()
    assert version.metrics["unreadable"] == 2
    with sqlite_store.reading() as session:
        chosen = (
            select(Image.studio_task, Image.problem)
            .where(Image.problem.is_not(None))
            .order_by(Image.studio_task)
        )
        problems = {row.studio_task: row.problem for row in session.execute(chosen)}
        assert len(load_vectors(session, version.id)[0]) == IMAGES - 2
    assert set(problems) == {723, 724}
    assert "Put it back" in problems[723]


def test_an_image_that_was_mended_is_used_when_someone_asks_for_a_training(
    train: Callable[..., ModelVersion], work_on: Callable[..., ModelVersion], sqlite_store: Store
) -> None:
    set_image(sqlite_store, 724, unusable=Unusable.NO_IMAGE, problem="It was damaged.", digest=None)
    assert work_on(RunReason.NEW_OBSERVATIONS).metrics["unreadable"] == 1, "not at every training"
    assert train().metrics["unreadable"] == 0
    with sqlite_store.reading() as session:
        assert session.scalars(select(Image.problem).where(Image.studio_task == 724)).one() is None


def test_duplicates_share_their_features(train: Callable[..., ModelVersion], sqlite_store: Store) -> None:
    set_image(sqlite_store, 724, uri="/data/23.png")
    version = train()
    with sqlite_store.reading() as session:
        digests = session.scalars(select(Image.digest).where(Image.studio_task.in_((723, 724)))).all()
        _, vectors = load_vectors(session, version.id)
    assert digests[0] == digests[1]
    assert np.array_equal(vectors[-1], vectors[-2])


def test_label_studio_down_fails_the_run_and_blames_no_image(
    train: Callable[..., ModelVersion], sqlite_store: Store
) -> None:
    set_image(sqlite_store, 724, uri="/data/down.png")
    with pytest.raises(OnetagError, match="does not answer"):
        train()
    (run,) = runs(sqlite_store)
    assert (run.state, run.error) == ("failed", "Label Studio does not answer. Start it.")
    with sqlite_store.reading() as session:
        assert session.scalars(select(Image).where(Image.problem.is_not(None))).all() == []


def test_nothing_tagged_fails_with_what_to_do(
    sqlite_store: Store,
    engine_settings: Settings,
    resources: LearningResources,
    new_project: Callable[..., Project],
) -> None:
    empty = new_project(sqlite_store, images=3)
    with pytest.raises(LearningError, match="Tag a few images"):
        train_project(sqlite_store, resources, empty.id)
    assert "Tag a few images" in (runs(sqlite_store)[0].error or "")


def test_no_labels_and_no_images_fail_with_what_to_do(
    sqlite_store: Store,
    engine_settings: Settings,
    resources: LearningResources,
    new_project: Callable[..., Project],
) -> None:
    empty = new_project(sqlite_store, images=0)
    with pytest.raises(OnetagError, match=r"no images.*Import"):
        train_project(sqlite_store, resources, empty.id)


def test_an_unknown_project_is_refused(
    sqlite_store: Store, engine_settings: Settings, resources: LearningResources
) -> None:
    with pytest.raises(OnetagError, match="onetag status"):
        train_project(sqlite_store, resources, 99)


def test_an_unexpected_error_is_recorded_without_its_text(
    train: Callable[..., ModelVersion], sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def explode(*_args: object, **_options: object) -> None:
        raise RuntimeError("s3cr3t")

    monkeypatch.setattr("model_backend.engine.train.store_version", explode)
    with pytest.raises(RuntimeError):
        train()
    (run,) = runs(sqlite_store)
    assert run.state == "failed"
    assert "RuntimeError" in (run.error or "")
    assert "s3cr3t" not in (run.error or "")


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory")])
def test_out_of_memory_leaves_the_old_version_active_and_says_what_to_do(
    train: Callable[..., ModelVersion],
    sqlite_store: Store,
    project: Project,
    error: Exception,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = train()

    def out_of_memory(*_args: object, **_options: object) -> None:
        raise error

    with monkeypatch.context() as changed:
        changed.setattr(fitting, "fit", out_of_memory)
        with pytest.raises(type(error)):
            train()
    failed = runs(sqlite_store)[-1]
    assert (failed.state, "too little memory" in (failed.error or "")) == ("failed", True)
    with sqlite_store.reading() as session:
        assert session.get_one(Project, project.id).active_version_id == first.id
    assert train().name > first.name, "the next one is tried as ever"


@pytest.mark.parametrize(("acquisition", "clusters"), [("gradients", 1), ("entropy", 3)])
def test_clusters_take_turns_only_where_the_acquisition_does_not_spread_its_order(
    train: Callable[..., ModelVersion],
    resources: LearningResources,
    sqlite_store: Store,
    acquisition: str,
    clusters: int,
) -> None:
    tags = {"questions": Asking.TAGS, "acquisition": acquisition, "clusters": 3}
    resources.settings = resources.settings.model_copy(update=tags)
    version = train()
    with sqlite_store.reading() as session:
        found = session.scalars(select(Suggestion.cluster).where(Suggestion.version_id == version.id))
        assert len(set(found)) == clusters


def test_numbers_that_are_not_finite_fail_the_run_and_store_nothing(
    train: Callable[..., ModelVersion], sqlite_store: Store, project: Project
) -> None:
    first = train()
    with pytest.raises(LearningError, match="lower learning rate"):
        train(recipe={"loss": "em", "learning_rate": 1e30})
    assert "lower learning rate" in (runs(sqlite_store)[-1].error or "")
    with sqlite_store.reading() as session:
        assert session.get_one(Project, project.id).active_version_id == first.id
    assert count(sqlite_store, ModelVersion) == 1


def test_a_full_disk_leaves_the_old_version_active(
    train: Callable[..., ModelVersion], sqlite_store: Store, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = train()

    def full(self: LabelModel, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LabelModel, "save", full)
    with pytest.raises(OnetagError, match="Free some space"):
        train()
    assert [run.state for run in runs(sqlite_store)] == ["done", "failed"]
    with sqlite_store.reading() as session:
        assert session.get_one(Project, project.id).active_version_id == first.id


def test_a_stopping_worker_puts_the_run_back(
    work_on: Callable[..., ModelVersion], sqlite_store: Store
) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(Stopped):
        work_on(stop=stop)
    assert [run.state for run in runs(sqlite_store)] == ["queued"]
    assert count(sqlite_store, ModelVersion) == 0


def test_asked_to_stop_it_reads_no_further_image(
    sqlite_store: Store, project: Project, engine_settings: Settings
) -> None:
    stop, asked = threading.Event(), list[str]()

    def read(uri: str) -> bytes:
        asked.append(uri)
        stop.set()
        return read_picture(uri)

    with sqlite_store.session() as session:
        run = queue_run(session, project.id, RunReason.NEW_OBSERVATIONS)
        assert run is not None
    resources = LearningResources(engine_settings, read, Colours(), stop=stop)
    with pytest.raises(Stopped):
        train_run(sqlite_store, resources, run.id, stop=stop)
    assert len(asked) <= MOST_WORKERS
    assert [run.state for run in runs(sqlite_store)] == ["queued"]
    with sqlite_store.reading() as session:
        assert not image_problems(session, project.id)


def test_only_one_training_of_a_project_at_a_time(
    train: Callable[..., ModelVersion], sqlite_store: Store, project: Project
) -> None:
    with sqlite_store.session() as session:
        queue_run(session, project.id, RunReason.NEW_OBSERVATIONS)
    with pytest.raises(OnetagError, match="waits or runs already"):
        train()


def test_a_run_that_was_taken_over_meanwhile_keeps_nothing(
    train: Callable[..., ModelVersion], sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = save_version

    def saved_late(*args: Any) -> str:
        watch = Watch(itertools.count(0.0, 10.0).__next__)
        with sqlite_store.session() as session:
            for _ in range(3):
                fail_lost_runs(session, watch)
        return save(*args)

    monkeypatch.setattr("model_backend.engine.storing.save_version", saved_late)
    with pytest.raises(RunGone):
        train()
    assert [run.state for run in runs(sqlite_store)] == ["failed", "queued"]
    assert [count(sqlite_store, table) for table in (ModelVersion, LabelVector, Suggestion)] == [0, 0, 0]


def test_labels_that_change_while_training_do_no_harm(
    train: Callable[..., ModelVersion],
    sqlite_store: Store,
    project: Project,
    studio: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save = save_version

    def edited_meanwhile(*args: Any) -> str:
        with sqlite_store.session() as session:
            sync_labels(session, session.get_one(Project, project.id), ["blue", "yellow"])
        return save(*args)

    monkeypatch.setattr("model_backend.engine.storing.save_version", edited_meanwhile)
    version = train()
    assert version.labels == ["red", "green", "blue"]
    suggested = {name for each in studio.predictions for name in ticked(each["result"])}
    assert suggested <= {"blue"}


def test_a_recipe_may_differ_for_one_run(train: Callable[..., ModelVersion]) -> None:
    assert train(recipe={"seed": 7}).recipe["seed"] == 7
    with pytest.raises(LearningError, match="no nonsense"):
        train(recipe={"nonsense": 1})


def test_progress_is_reported(train: Callable[..., ModelVersion]) -> None:
    stages: list[tuple[str, float]] = []
    train(progress=lambda stage, done: stages.append((stage, done)))
    assert {"features", "suggestions", "saving"} <= {stage for stage, _ in stages}
    assert all(0 <= done <= 1 for _, done in stages)
