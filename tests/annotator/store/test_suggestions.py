"""Suggestions: the most useful unanswered images first."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Image,
    ModelVersion,
    Project,
    Store,
    Suggested,
    Suggestion,
    chances_of,
    live_image_ids,
    mark_pushed,
    next_suggestions,
    remove_images,
    store_suggestions,
    store_vectors,
)

MakeProject = Callable[..., Project]


@pytest.fixture
def make_version() -> Callable[[Session, Project], int]:
    def make(session: Session, project: Project) -> int:
        version = ModelVersion(
            project_id=project.id, name="v1", labels=[], label_ids=[], folder="v1", backbone="handcrafted"
        )
        session.add(version)
        session.flush()
        return version.id

    return make


def test_the_lowest_score_comes_first_among_the_unanswered(
    store: Store,
    make_project: MakeProject,
    make_version: Callable[[Session, Project], int],
    annotate: Callable[..., Annotation | None],
) -> None:
    with store.session() as session:
        project = make_project(session, images=6)
        version = make_version(session, project)
        session.add(Image(project_id=project.id, uri="without a task"))
        image_ids = live_image_ids(session, project.id)
        scores = (0.9, 0.1, 0.5, 0.3, 0.2, 0.4, 0.0)
        suggested = [
            Suggested(*each, cluster=1) for each in zip(image_ids, [["cat"]] * 7, scores, strict=True)
        ]
        store_suggestions(session, version, suggested)
        annotate(session, project, "cat", task=102, number=1)
        annotate(session, project, skipped=True, task=104, number=2)
        remove_images(session, project.id, [105])
        assert [task for task, _ in next_suggestions(session, version, 10)] == [106, 103, 101]
        assert [task for task, _ in next_suggestions(session, version, 1)] == [106]


def test_chances_are_what_the_version_gives_the_labels_that_it_suggests(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        version = ModelVersion(
            project_id=project.id,
            name="v1",
            labels=["cat", "dog"],
            label_ids=[1, 2],
            folder="v1",
            backbone="handcrafted",
        )
        session.add(version)
        session.flush()
        first, second, third = live_image_ids(session, project.id)
        store_vectors(session, version.id, [first, second], np.array([[0.25, 0.75], [0.5, 0.125]]))
        suggested = [
            Suggested(second, ["dog", "gone"], 0.1, 0),
            Suggested(first, ["dog", "cat"], 0.2, 0),
            Suggested(third, ["cat"], 0.3, 0),
        ]
        assert chances_of(session, version, suggested) == {
            first: {"dog": 0.75, "cat": 0.25},
            second: {"dog": 0.125},
        }


def test_a_suggestion_is_replaced_and_remembers_its_push(
    store: Store, make_project: MakeProject, make_version: Callable[[Session, Project], int]
) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        version, image_id = make_version(session, project), live_image_ids(session, project.id)[0]
        store_suggestions(session, version, [Suggested(image_id, ["cat"], 0.5, 1)])
        mark_pushed(session, version, [image_id])
        session.expire_all()
        assert session.get_one(Suggestion, (version, image_id)).pushed_at is not None
        store_suggestions(session, version, [Suggested(image_id, ["dog", 'tr"ee'], 0.25, 2)])
        session.expire_all()
        renewed = session.get_one(Suggestion, (version, image_id))
        assert (renewed.labels, renewed.score, renewed.cluster) == (["dog", 'tr"ee'], 0.25, 2)
        assert renewed.pushed_at is None


def test_nothing_to_suggest(
    store: Store, make_project: MakeProject, make_version: Callable[[Session, Project], int]
) -> None:
    with store.session() as session:
        version = make_version(session, make_project(session))
        store_suggestions(session, version, [])
        assert next_suggestions(session, version, 10) == []
