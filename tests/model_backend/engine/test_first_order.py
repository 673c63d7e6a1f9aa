"""Before there is a model the queue asks typical images of every kind first."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from annotator.errors import OnetagError
from annotator.labelstudio.predictions import NO_VERSION
from annotator.store import Image, Project, Store
from model_backend.engine.first_order import order_first_questions
from model_backend.engine.publish import clear_old, publish
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project


@pytest.fixture
def project(store: Store, new_project: Callable[..., Project]) -> Project:
    """24 pictures of three kinds: the number of a picture modulo 3 tells its kind."""
    return new_project(store)


def kinds_asked(studio: Any) -> list[int]:
    """The kinds of the images, in the order in which the queue asks them."""
    ordered = sorted(studio.predictions, key=lambda each: each["score"])
    return [each["task"] % 100 % 3 for each in ordered]


def test_the_first_questions_show_every_kind(
    store: Store, project: Project, resources: LearningResources, pretend_studio: Any
) -> None:
    resources.settings = resources.settings.model_copy(update={"window": 24})
    assert order_first_questions(store, resources, project.id, pretend_studio) == 24
    assert pretend_studio.queue == NO_VERSION
    assert len(set(kinds_asked(pretend_studio)[:8])) == 3
    assert all(each["result"] == [] for each in pretend_studio.predictions), "it suggests nothing"
    with store.reading() as session:
        assert session.get_one(Project, project.id).ordered_at is not None


def test_answered_images_are_not_asked_again(
    store: Store,
    project: Project,
    resources: LearningResources,
    pretend_studio: Any,
    tag: Callable[..., None],
) -> None:
    tag(store, project, range(1, 4))
    assert order_first_questions(store, resources, project.id, pretend_studio) == 20
    assert {each["task"] for each in pretend_studio.predictions}.isdisjoint({701, 702, 703})


def test_the_first_training_need_not_read_the_images_again(
    store: Store,
    project: Project,
    resources: LearningResources,
    pretend_studio: Any,
    tag: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order_first_questions(store, resources, project.id, pretend_studio)
    tag(store, project, range(1, 9))
    monkeypatch.setattr(resources, "extract", None)
    assert train_project(store, resources, project.id).metrics["images"] == 24


def test_the_first_version_takes_the_queue_over_and_clears_the_order(
    store: Store,
    project: Project,
    resources: LearningResources,
    pretend_studio: Any,
    tag: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    order_first_questions(store, resources, project.id, pretend_studio)
    tag(store, project, range(1, 9))
    version = train_project(store, resources, project.id)
    publish(store, resources.settings, project.id, pretend_studio)
    assert pretend_studio.queue == version.name
    monkeypatch.setattr("model_backend.engine.publish.PAGE_OPEN", timedelta(hours=-1))
    assert clear_old(store, project.id, pretend_studio) == [NO_VERSION]
    order_first_questions(store, resources, project.id, pretend_studio)
    assert {each["model_version"] for each in pretend_studio.predictions} == {version.name}


def test_a_version_that_is_published_meanwhile_keeps_the_queue(
    store: Store,
    project: Project,
    resources: LearningResources,
    pretend_studio: Any,
    tag: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tag(store, project, range(1, 9))
    push, made = pretend_studio.push_predictions, list[str]()

    def slowly(number: int, items: Any) -> int:
        monkeypatch.setattr(pretend_studio, "push_predictions", push)
        made.append(train_project(store, resources, project.id).name)
        publish(store, resources.settings, project.id, pretend_studio)
        return int(push(number, items))

    monkeypatch.setattr(pretend_studio, "push_predictions", slowly)
    order_first_questions(store, resources, project.id, pretend_studio)
    assert [pretend_studio.queue] == made


def test_what_label_studio_refused_is_done_later(
    store: Store, project: Project, resources: LearningResources, pretend_studio: Any
) -> None:
    pretend_studio.failing.add("set queue")
    with pytest.raises(OnetagError):
        order_first_questions(store, resources, project.id, pretend_studio)
    with store.reading() as session:
        assert session.get_one(Project, project.id).ordered_at is None
    pretend_studio.failing.clear()
    order_first_questions(store, resources, project.id, pretend_studio)
    assert pretend_studio.queue == NO_VERSION


def test_images_that_cannot_be_read_are_left_out(
    store: Store, project: Project, resources: LearningResources, pretend_studio: Any
) -> None:
    with store.session() as session:
        for image in session.scalars(select(Image).where(Image.studio_task > 704)):
            image.uri = f"/data/bad-{image.id}.png"
    assert order_first_questions(store, resources, project.id, pretend_studio) == 4
    assert {each["task"] for each in pretend_studio.predictions} == {701, 702, 703, 704}
