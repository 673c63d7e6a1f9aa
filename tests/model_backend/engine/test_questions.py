"""Which question the engine asks of each image, by the record and the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from annotator.labelstudio.answers import question_in, ticked
from annotator.settings import Asking, Settings
from annotator.store import Image, ModelVersion, Project, Store, Suggestion
from annotator.store.costs import Cost, Costs
from annotator.store.drawn import drawn
from annotator.store.states import Question
from model_backend.acquisition.questions import Seconds
from model_backend.engine import questions as module
from model_backend.engine.publish import publish
from model_backend.engine.questions import seconds_of, spent
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project
from tests.model_backend.engine.conftest import with_settings

TAGGED = 12
WITH_ONE_QUESTION = """
<View><Image name="image" value="$image"/>
<Choices name="label" toName="image" choice="multiple">
<Choice value="red"/><Choice value="green"/><Choice value="blue"/></Choices></View>
"""


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=24)
    tag(sqlite_store, made, range(1, TAGGED + 1))
    return made


def asked(store: Store, version: ModelVersion) -> dict[int, Suggestion]:
    """The suggestions of a version by the number of the task."""
    with store.reading() as session:
        chosen = select(Image.studio_task, Suggestion).join(Image, Image.id == Suggestion.image_id)
        found = session.execute(chosen.where(Suggestion.version_id == version.id))
        return {task: suggestion for task, suggestion in found if task is not None}


def cost_of(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Let answers cost so much in this project, as if measured."""
    found = {
        question: Cost(question, seconds.get(question.name.lower(), 1000.0), 0, 0, None, "here")
        for question in Question
    }
    monkeypatch.setattr(module, "costs", lambda *_: Costs(found, {}, 0))


@pytest.mark.parametrize(
    ("cheap", "question"),
    [("tag", Question.TAG), ("yes_no", Question.YES_NO), ("complete", Question.COMPLETE)],
)
def test_what_is_cheap_is_asked(
    sqlite_store: Store,
    resources: LearningResources,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    cheap: str,
    question: Question,
) -> None:
    cost_of(monkeypatch, **{cheap: 0.5})
    found = asked(sqlite_store, train_project(sqlite_store, resources, project.id))
    free = [suggestion for task, suggestion in found.items() if task > 700 + TAGGED]
    assert {each.question for each in free} == {question}
    assert all(len(each.labels) == 1 for each in free if question is Question.YES_NO)
    assert {each.cluster for each in found.values()} == {0}, "nothing takes turns"


def test_the_question_comes_with_the_prediction_and_a_label_asked_about_is_not_ticked(
    sqlite_store: Store,
    engine_settings: Settings,
    resources: LearningResources,
    project: Project,
    studio: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cost_of(monkeypatch, yes_no=0.5)
    version = train_project(sqlite_store, resources, project.id)
    publish(sqlite_store, engine_settings, project.id, studio)
    by_task = asked(sqlite_store, version)
    assert studio.predictions
    for each in studio.predictions:
        assert question_in(each["result"]) is Question.YES_NO
        assert not ticked(each["result"])
        about = [region for region in each["result"] if region["from_name"] == "onetag_about"]
        assert about[0]["value"]["choices"] == by_task[each["task"]].labels


@pytest.mark.parametrize("why", ["settings", "config"])
def test_one_label_is_asked_for_where_nothing_else_is_wanted_or_can_be_shown(
    sqlite_store: Store, resources: LearningResources, project: Project, why: str
) -> None:
    if why == "settings":
        resources = with_settings(resources, resources.settings.model_copy(update={"questions": Asking.TAGS}))
    else:
        with sqlite_store.session() as session:
            session.get_one(Project, project.id).label_config = WITH_ONE_QUESTION
    found = asked(sqlite_store, train_project(sqlite_store, resources, project.id))
    assert {each.question for each in found.values()} == {Question.TAG}


def test_a_share_drawn_by_chance_is_to_be_marked_completely_without_suggestions(
    sqlite_store: Store, resources: LearningResources, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    cost_of(monkeypatch, yes_no=0.5)
    half = resources.settings.model_copy(update={"complete_share": 0.5})
    found = asked(sqlite_store, train_project(sqlite_store, with_settings(resources, half), project.id))
    with sqlite_store.reading() as session:
        images = {image.studio_task: image.id for image in session.scalars(select(Image))}
    for task, suggestion in found.items():
        if task > 700 + TAGGED:
            by_chance = bool(drawn(project.id, [images[task]], 0.5)[0])
            assert (suggestion.question is Question.COMPLETE) == by_chance
            assert not (by_chance and suggestion.labels)
    kinds = {suggestion.question for task, suggestion in found.items() if task > 700 + TAGGED}
    assert kinds == {Question.COMPLETE, Question.YES_NO}


def test_seconds_are_those_of_the_record() -> None:
    by_kind = {
        Question.TAG: Cost(Question.TAG, 4.0, 100, 2, (3.0, 5.0), "measured"),
        Question.CHECK: Cost(Question.CHECK, 7.0, 10, 0, None, "a prior"),
        Question.YES_NO: Cost(Question.YES_NO, 0.9, 0, 0, None, "a prior"),
        Question.COMPLETE: Cost(Question.COMPLETE, 20.0, 5, 0, None, "a prior"),
    }
    found = Costs(by_kind, {}, 0)
    assert seconds_of(found) == Seconds(tag=4.0, yes_no=0.9, complete=20.0)
    assert spent(found) == 100 * 4 + 10 * 7 + 5 * 20
