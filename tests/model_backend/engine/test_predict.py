import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from itertools import islice
from typing import Any

import pytest
from sqlalchemy import func, select, update

from annotator.labelstudio.answers import ticked
from annotator.labelstudio.projects import Identity
from annotator.settings import Asking, Settings
from annotator.store import (
    Image,
    LabelVector,
    ModelVersion,
    Project,
    RunReason,
    RunState,
    Store,
    Suggestion,
    TrainingRun,
    load_vectors,
)
from model_backend.engine.predict import WAITING, Predictor
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project, train_run

TRAINED = 16

PETS = Identity(7)


@pytest.fixture
def engine_settings(engine_settings: Settings) -> Settings:
    """Which question suits an image best, only its whole pool can tell: here all are asked for one label."""
    return engine_settings.model_copy(update={"questions": Asking.TAGS})


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=TRAINED)
    tag(sqlite_store, made, range(1, 11))
    return made


@pytest.fixture
def version(
    sqlite_store: Store, engine_settings: Settings, project: Project, resources: LearningResources
) -> ModelVersion:
    return train_project(sqlite_store, resources, project.id)


@pytest.fixture
def predictor(
    sqlite_store: Store, engine_settings: Settings, version: ModelVersion, resources: LearningResources
) -> Predictor:
    return Predictor(sqlite_store, engine_settings, lambda: resources)


def task(number: int, uri: str | None = None) -> dict[str, Any]:
    """A task as Label Studio sends it; numbers above 716 joined after the training."""
    return {"id": number, "data": {"image": uri or f"/data/{number - 700}.png"}}


def count(store: Store, table: type[Any], version: ModelVersion) -> int:
    with store.reading() as session:
        return session.scalar(select(func.count()).where(table.version_id == version.id)) or 0


def test_new_images_are_computed_and_kept(
    predictor: Predictor, sqlite_store: Store, version: ModelVersion
) -> None:
    tasks = [task(701), task(720), task(721)]
    answer = predictor.predict(PETS, tasks)
    assert dict(answer.outcomes) == {"stored": 1, "computed": 2}
    assert [each["model_version"] for each in answer.items] == [version.name] * 3
    assert (
        count(sqlite_store, Suggestion, version) == count(sqlite_store, LabelVector, version) == TRAINED + 2
    )
    again = predictor.predict(PETS, tasks)
    assert dict(again.outcomes) == {"stored": 3}
    assert [_without_cluster(each) for each in again.items] == [
        _without_cluster(each) for each in answer.items
    ]


def _without_cluster(prediction: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in prediction.items() if key != "cluster"}


def vector_of(store: Store, version: ModelVersion, task_number: int) -> list[float]:
    """The label vector of a task's image."""
    with store.reading() as session:
        image = session.scalars(select(Image.id).where(Image.studio_task == task_number)).one()
        _, (vector,) = load_vectors(session, version.id, [image])
    return [float(each) for each in vector]


def test_a_computed_image_gets_what_the_training_would_have_given(
    predictor: Predictor, sqlite_store: Store, version: ModelVersion
) -> None:
    twin = predictor.predict(PETS, [task(730, uri="/data/12.png"), task(712)]).items
    assert twin[0]["result"] == twin[1]["result"]
    computed, stored = (vector_of(sqlite_store, version, number) for number in (730, 712))
    assert computed == pytest.approx(stored, abs=1e-3)
    assert 0.5 <= twin[0]["score"] <= 1.0, "who was not in the pool comes after what was chosen from it"


def test_the_same_new_task_twice_in_one_request(predictor: Predictor, sqlite_store: Store) -> None:
    one, other = predictor.predict(PETS, [task(720), task(720)]).items
    assert one == other


def test_an_unreadable_image_gets_an_empty_prediction_and_the_others_theirs(
    predictor: Predictor, version: ModelVersion
) -> None:
    answer = predictor.predict(PETS, [task(720, "/data/bad.png"), task(721, "/data/gone.png"), task(722)])
    assert dict(answer.outcomes) == {"unreadable": 2, "computed": 1}
    assert [each["result"] for each in answer.items[:2]] == [[], []]
    assert answer.items[0]["model_version"] == version.name, "asking again would not help"


def test_label_studio_down_leaves_empty_predictions_to_be_asked_for_again(
    predictor: Predictor, version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    answer = predictor.predict(PETS, [task(720, "/data/down.png"), task(701)])
    assert dict(answer.outcomes) == {"stored": 1, "not computed": 1}
    assert answer.items[0]["model_version"] != version.name
    assert "does not answer" in caplog.text


def test_a_version_whose_folder_is_gone_still_answers_what_is_stored(
    sqlite_store: Store, engine_settings: Settings, version: ModelVersion, resources: LearningResources
) -> None:
    fresh = LearningResources(engine_settings, resources._read, resources.backbone)
    with sqlite_store.session() as session:
        session.execute(update(ModelVersion).values(folder="nowhere"))
    answer = Predictor(sqlite_store, engine_settings, lambda: fresh).predict(PETS, [task(701), task(720)])
    assert dict(answer.outcomes) == {"stored": 1, "not computed": 1}


def test_a_damaged_version_is_made_again(
    sqlite_store: Store,
    engine_settings: Settings,
    project: Project,
    version: ModelVersion,
    resources: LearningResources,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (engine_settings.data_dir / version.folder / "model.safetensors").write_bytes(b"rotten")

    def fresh() -> LearningResources:
        return LearningResources(engine_settings, resources._read, resources.backbone)

    for _ in range(2):
        answer = Predictor(sqlite_store, engine_settings, fresh).predict(PETS, [task(701), task(720)])
        assert dict(answer.outcomes) == {"stored": 1, "not computed": 1}
    assert "model.safetensors is not as it was written" in caplog.text
    with sqlite_store.reading() as session:
        (again,) = session.scalars(select(TrainingRun).where(TrainingRun.state == RunState.QUEUED))
    assert again.reason is RunReason.VERSION_DAMAGED
    train_run(sqlite_store, resources, again.id)
    answer = Predictor(sqlite_store, engine_settings, fresh).predict(PETS, [task(720)])
    assert dict(answer.outcomes) == {"computed": 1}


def test_what_someone_has_observed_is_not_suggested(
    predictor: Predictor,
    sqlite_store: Store,
    project: Project,
    version: ModelVersion,
    tag: Callable[..., None],
) -> None:
    with sqlite_store.session() as session:
        session.add(Image(project_id=project.id, studio_task=720, uri="/data/20.png"))
    tag(sqlite_store, project, [20])
    (answer,) = predictor.predict(PETS, [task(720)]).items
    assert "red" not in ticked(answer["result"])


def test_work_ends_when_the_time_is_over(
    sqlite_store: Store, engine_settings: Settings, version: ModelVersion, resources: LearningResources
) -> None:
    def slow(uri: str) -> bytes:
        time.sleep(0.2)
        return resources._read(uri)

    bench = LearningResources(engine_settings, slow, resources.backbone)
    settings = engine_settings.model_copy(update={"predict_batch": 2})
    predictor = Predictor(sqlite_store, settings, lambda: bench, deadline=0.7)
    answer = predictor.predict(PETS, [task(number) for number in range(720, 760)])
    assert len(answer.items) == 40
    assert answer.outcomes["not computed"] > 0
    assert answer.outcomes.total() == 40


def test_more_requests_than_can_be_computed_answer_at_once_with_what_is_stored(
    sqlite_store: Store, engine_settings: Settings, version: ModelVersion, resources: LearningResources
) -> None:
    may_read = threading.Event()

    def held(uri: str) -> bytes:
        assert may_read.wait(60)
        return resources._read(uri)

    bench = LearningResources(engine_settings, held, resources.backbone)
    predictor = Predictor(sqlite_store, engine_settings, lambda: bench)
    with ThreadPoolExecutor(10) as annotators:
        asked = [annotators.submit(predictor.predict, PETS, [task(number)]) for number in range(720, 730)]
        at_once = [done.result() for done in islice(as_completed(asked, 30), 10 - WAITING)]
        may_read.set()
    answers = [each.result() for each in asked]
    assert all(answer.outcomes == {"not computed": 1} for answer in at_once)
    assert sum(answer.outcomes["computed"] for answer in answers) == WAITING
    assert all(len(answer.items) == 1 for answer in answers)


def test_a_request_for_hundreds_of_new_images(predictor: Predictor, sqlite_store: Store) -> None:
    answer = predictor.predict(PETS, [task(number) for number in range(717, 1024)])
    assert len(answer.items) == 307
    assert dict(answer.outcomes) == {"computed": 307}


def test_nothing_is_loaded_for_what_is_stored(
    sqlite_store: Store, engine_settings: Settings, version: ModelVersion
) -> None:
    def refuse() -> LearningResources:
        pytest.fail("a model was loaded")

    answer = Predictor(sqlite_store, engine_settings, refuse).predict(
        PETS, [task(n) for n in range(701, 717)]
    )
    assert dict(answer.outcomes) == {"stored": TRAINED}
