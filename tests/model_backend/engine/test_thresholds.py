"""Thresholds that people set: in the version in use at once, and in all that come."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select, update

from annotator.labelstudio.answers import ticked
from annotator.settings import Asking, Settings
from annotator.store import (
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    Store,
    Suggestion,
    live_labels,
    load_vectors,
)
from annotator.store.drawn import drawn
from annotator.store.learning_curve import learning_curve
from annotator.store.states import Question
from annotator.store.thresholds import NEVER, projects_to_adjust, set_threshold, take_threshold_back
from annotator.store.vectors import reaches
from annotator.store.versions import active_version
from model_backend.engine import thresholds as engine
from model_backend.engine.publish import publish
from model_backend.engine.resources import LearningResources, load_model
from model_backend.engine.thresholds import adjust_thresholds
from model_backend.engine.version_list import go_to_version, list_versions
from model_backend.engine.versions import prune, save_version
from model_backend.errors import LearningError
from tests.model_backend.engine.conftest import with_settings

Train = Callable[[], ModelVersion]


@pytest.fixture
def engine_settings(engine_settings: Settings) -> Settings:
    """Every image is asked for a tag, so that what is suggested is all that a suggestion names."""
    return engine_settings.model_copy(update={"questions": Asking.TAGS})


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=24)
    tag(sqlite_store, made, range(1, 13))
    return made


@pytest.fixture
def choose(sqlite_store: Store, project: Project) -> Callable[..., None]:
    """Sets thresholds by the names of labels; None takes one back."""

    def set_all(**wanted: float | None) -> None:
        with sqlite_store.session() as session:
            for label in live_labels(session, project.id):
                if label.name in wanted:
                    value = wanted[label.name]
                    if value is None:
                        take_threshold_back(session, label, "ann")
                    else:
                        set_threshold(session, label, value, "ann")

    return set_all


def in_use(store: Store, project: Project) -> ModelVersion:
    with store.reading() as session:
        version = active_version(session, project.id)
    assert version is not None
    return version


def suggested(store: Store, version: ModelVersion) -> dict[int, list[str]]:
    """The labels suggested, by image."""
    with store.reading() as session:
        rows = session.scalars(select(Suggestion).where(Suggestion.version_id == version.id))
        return {row.image_id: row.labels for row in rows}


def expected(store: Store, version: ModelVersion) -> dict[int, list[str]]:
    """What the vectors of a version reach of its thresholds, and nobody has said anything of."""
    with store.reading() as session:
        image_ids, chances = load_vectors(session, version.id)
        known = {tuple(row) for row in session.execute(select(Observation.image_id, Observation.label_id))}
    columns = list(zip(version.label_ids, version.labels, version.thresholds, strict=True))
    return {
        image: [
            name
            for place, (label, name, threshold) in enumerate(columns)
            if reaches(chances[row, place], threshold) and (image, label) not in known
        ]
        for row, image in enumerate(image_ids)
    }


def test_the_version_in_use_suggests_by_a_persons_threshold(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    first = train_and_publish()
    choose(red=0.01, green=NEVER)
    second = adjust_thresholds(sqlite_store, resources, project.id)
    assert second is not None
    assert in_use(sqlite_store, project).id == second.id
    assert second.thresholds == pytest.approx([0.01, NEVER, first.thresholds[2]])
    assert second.learned_thresholds == first.thresholds
    assert second.derived_from_id == first.id
    told = suggested(sqlite_store, second)
    assert told == expected(sqlite_store, second)
    assert not any("green" in labels for labels in told.values())
    assert sum("red" in labels for labels in told.values()) > 12


def test_it_is_the_same_model_with_the_same_vectors(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    first = train_and_publish()
    choose(red=0.25)
    second = adjust_thresholds(sqlite_store, resources, project.id)
    assert second is not None
    with sqlite_store.reading() as session:
        before, now = load_vectors(session, first.id), load_vectors(session, second.id)
    assert before[0] == now[0]
    assert (before[1] == now[1]).all()
    model = load_model(resources.settings.data_dir, second)
    assert model.thresholds.tolist() == pytest.approx(second.thresholds)
    features = np.random.default_rng(0).random((2, resources.backbone.feature_dim), dtype=np.float32)
    assert (model.predict(features) == resources.model(first).predict(features)).all()


def test_label_studio_gets_the_new_ticks_before_the_old_ones_go(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
    studio: Any,
) -> None:
    first = train_and_publish()
    choose(red=NEVER, green=NEVER, blue=NEVER)
    second = adjust_thresholds(sqlite_store, resources, project.id)
    assert second is not None
    publish(sqlite_store, resources.settings, project.id, studio)
    assert studio.queue == second.name
    pushed = [each for each in studio.predictions if each["model_version"] == second.name]
    assert len(pushed) == 12
    assert all(ticked(each["result"]) == [] for each in pushed)
    assert any(each["model_version"] == first.name for each in studio.predictions)


def test_what_is_in_use_already_is_left_alone(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    assert adjust_thresholds(sqlite_store, resources, project.id) is None  # there is no version yet
    train_and_publish()
    assert adjust_thresholds(sqlite_store, resources, project.id) is None
    choose(red=0.3)
    assert adjust_thresholds(sqlite_store, resources, project.id) is not None
    assert adjust_thresholds(sqlite_store, resources, project.id) is None
    assert len(list_versions(sqlite_store, resources.settings.data_dir, project.id)) == 2


def test_taken_back_the_training_decides_again(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    first = train_and_publish()
    choose(red=0.01)
    adjust_thresholds(sqlite_store, resources, project.id)
    choose(red=None)
    third = adjust_thresholds(sqlite_store, resources, project.id)
    assert third is not None
    assert third.thresholds == first.thresholds
    assert third.derived_from_id == first.id
    assert suggested(sqlite_store, third) == expected(sqlite_store, first)


def test_later_trainings_heed_it_and_keep_what_they_would_have_chosen(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    project: Project,
    tag: Callable[..., None],
) -> None:
    train_and_publish()
    choose(blue=0.125)
    tag(sqlite_store, project, [13, 14])
    version = train_and_publish()
    assert version.thresholds[2] == 0.125
    assert version.learned_thresholds is not None
    assert version.learned_thresholds[:2] == version.thresholds[:2]
    assert version.learned_thresholds[2] != 0.125
    assert version.derived_from_id is None
    with sqlite_store.reading() as session:
        assert projects_to_adjust(session) == []


def test_without_a_persons_threshold_nothing_is_kept_apart(train_and_publish: Train) -> None:
    assert train_and_publish().learned_thresholds is None


def test_going_back_to_an_older_version_its_thresholds_are_adjusted_too(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    first = train_and_publish()
    choose(red=0.5)
    train_and_publish()
    go_to_version(sqlite_store, resources.settings.data_dir, project.id, first.name, pin=True)
    third = adjust_thresholds(sqlite_store, resources, project.id)
    assert third is not None
    assert third.derived_from_id == first.id
    assert third.thresholds[0] == 0.5
    with sqlite_store.reading() as session:
        assert session.get_one(Project, project.id).version_pinned


def test_named_questions_and_images_drawn_by_chance_keep_what_they_are_asked(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    first = train_and_publish()
    share = 0.5
    with sqlite_store.session() as session:
        rows = session.scalars(select(Suggestion).order_by(Suggestion.image_id)).all()
        by_chance = drawn(project.id, [row.image_id for row in rows], share)
        for place, row in enumerate(rows):
            row.question, row.labels = Question.COMPLETE, []
            if place % 3 == 0:
                row.question, row.labels = Question.YES_NO, ["red"]
    choose(red=0.01)
    resources = with_settings(resources, resources.settings.model_copy(update={"complete_share": share}))
    second = adjust_thresholds(sqlite_store, resources, project.id)
    assert second is not None
    told, reached = suggested(sqlite_store, second), expected(sqlite_store, second)
    for place, row in enumerate(rows):
        kept = ["red"] if place % 3 == 0 else []
        ticks = [name for name in reached[row.image_id] if name == "red"]
        asked = place % 3 == 0 or by_chance[place]
        assert told[row.image_id] == (kept if asked else ticks)
    assert suggested(sqlite_store, first) == {row.image_id: row.labels for row in rows}


def test_a_version_taken_into_use_meanwhile_stays_and_nothing_is_left_behind(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_and_publish()
    choose(red=0.25)

    def meanwhile(*arguments: Any) -> str:
        with sqlite_store.session() as session:
            chosen = update(Project).where(Project.id == project.id)
            session.execute(chosen.values(active_version_id=None))
        return save_version(*arguments)

    monkeypatch.setattr(engine, "save_version", meanwhile)
    assert adjust_thresholds(sqlite_store, resources, project.id) is None
    folders = list((resources.settings.data_dir / "versions" / f"project-{project.id}").iterdir())
    assert len(folders) == 1
    with sqlite_store.reading() as session:
        assert len(session.scalars(select(ModelVersion)).all()) == 1


def test_a_version_whose_files_are_gone_cannot_be_adjusted(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    version = train_and_publish()
    choose(red=0.25)
    shutil.rmtree(resources.settings.data_dir / version.folder)
    fresh = LearningResources(resources.settings, lambda uri: b"")
    with pytest.raises(LearningError):
        adjust_thresholds(sqlite_store, fresh, project.id)


def test_adjusted_versions_push_no_training_out_and_are_let_go_when_replaced(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
    studio: Any,
) -> None:
    trained = [train_and_publish().name, train_and_publish().name]
    for value in (0.1, 0.2, 0.3, 0.4):
        choose(red=value)
        adjust_thresholds(sqlite_store, resources, project.id)
        publish(sqlite_store, resources.settings, project.id, studio)
    settings = resources.settings.model_copy(update={"keep_versions": 2})
    prune(sqlite_store, settings, project.id)
    rows = list_versions(sqlite_store, settings.data_dir, project.id)
    assert [row.name for row in rows if row.kept] == [in_use(sqlite_store, project).name, *reversed(trained)]
    assert [row.derived_from for row in rows] == [2, 2, 2, 2, None, None]
    with sqlite_store.reading() as session:
        pruned = select(LabelVector.version_id).distinct()
        assert len(session.scalars(pruned).all()) == 3


def test_the_learning_curve_counts_what_the_model_learned_from(
    train_and_publish: Train,
    choose: Callable[..., None],
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
) -> None:
    train_and_publish()
    choose(red=0.25)
    adjust_thresholds(sqlite_store, resources, project.id)
    with sqlite_store.reading() as session:
        assert [step.observations for step in learning_curve(session, project.id)] == [12, 12]
