"""Answered suggestions: what people said, beside the probability that made it a suggestion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sqlalchemy import delete
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    LabelVector,
    ModelVersion,
    Observed,
    Project,
    Source,
    Store,
    SuggestionFeedback,
    live_image_ids,
    live_labels,
    store_vectors,
    suggestion_feedback,
    sync_labels,
)
from annotator.store.states import Question, Review

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]
SAID = np.array([[0.5, 0.75, 0.25], [0.875, 0.625, 0.125], [1, 0, 0.5]])  # exact in float16


@pytest.fixture
def add_version() -> Callable[..., ModelVersion]:
    """A version of the project that gave SAID, one row an image."""

    def add(session: Session, project: Project, name: str, skipping: int = 0) -> ModelVersion:
        labels = live_labels(session, project.id)[skipping:]
        version = ModelVersion(
            project_id=project.id,
            name=name,
            labels=[label.name for label in labels],
            label_ids=[label.id for label in labels],
            folder=name,
            backbone="none",
        )
        session.add(version)
        session.flush()
        store_vectors(session, version.id, live_image_ids(session, project.id), SAID[:, skipping:])
        return version

    return add


def answer(review: Review | None = Review.SUGGESTIONS, **said: str) -> dict[str, Any]:
    """cat="confirmed" and so on, as `annotate` takes them; reviewed, unless told otherwise."""
    observed = [
        Observed(label, -1 if source in ("rejected", "complete") else 1, Source(source))
        for label, source in said.items()
    ]
    return {"observed": observed, "suggested": ["cat", "dog"], "review": review}


def rows(session: Session, project: Project, found: SuggestionFeedback) -> list[tuple[Any, ...]]:
    """(place of the image, label, value, probability) of each answer."""
    images = live_image_ids(session, project.id)
    names = {label.id: label.name for label in live_labels(session, project.id)}
    return [
        (images.index(image), names[label], value, probability)
        for image, label, value, probability in zip(
            found.image_ids.tolist(),
            found.label_ids.tolist(),
            found.values.tolist(),
            found.probabilities.tolist(),
            strict=True,
        )
    ]


def test_an_answer_comes_with_the_probability_its_version_gave(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        version = add_version(session, project, "v0001")
        annotate(session, project, task=101, number=1, **answer(cat="confirmed", dog="rejected", tree="tag"))
        annotate(session, project, task=102, number=2, **answer(dog="rejected", cat="complete"))
        found = suggestion_feedback(session, project.id)
        assert rows(session, project, found) == [
            (0, "cat", 1, 0.5),
            (0, "dog", -1, 0.75),
            (1, "dog", -1, 0.625),
        ]
        assert found.version_ids.tolist() == [version.id] * 3
        assert found.values.dtype == np.int8
        assert found.probabilities.dtype == np.float32


def test_a_suggestion_that_was_chosen_as_the_label_is_right_when_the_others_were_reviewed(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        add_version(session, project, "v0001")
        annotate(session, project, task=101, number=1, **answer(cat="tag", dog="rejected"))
        annotate(session, project, task=102, number=2, **answer(None, cat="tag"))
        annotate(session, project, task=103, number=3, **answer(tree="tag", dog="confirmed"))
        assert rows(session, project, suggestion_feedback(session, project.id)) == [
            (0, "cat", 1, 0.5),
            (0, "dog", -1, 0.75),
            (2, "dog", 1, 0.0),
        ]


def test_who_only_unticks_what_is_wrong_says_nothing_of_how_often_suggestions_are_right(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        add_version(session, project, "v0001")
        annotate(session, project, task=101, number=1, **answer(None, tree="tag", dog="rejected"))
        assert len(suggestion_feedback(session, project.id)) == 0


def test_only_what_is_known_and_still_holds_counts(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project, other = make_project(session, images=3), make_project(session, images=3, title="Other")
        for each in (project, other):
            add_version(session, each, "v0001", skipping=1)  # does not know "cat"
        annotate(session, other, task=101, number=1, **answer(dog="confirmed"))
        annotate(session, project, task=101, number=1, **answer(dog="confirmed"))
        annotate(session, project, task=101, number=1, second=9, **answer(dog="rejected", cat="confirmed"))
        annotate(session, project, task=102, number=2, **answer(dog="confirmed"), suggested_version="v0009")
        annotate(session, project, task=103, number=3, **answer(dog="confirmed", tree="rejected"))
        gone = live_image_ids(session, project.id)[2]
        assert len(suggestion_feedback(session, project.id)) == 3
        session.execute(delete(LabelVector).where(LabelVector.image_id == gone))
        assert rows(session, project, suggestion_feedback(session, project.id)) == [(0, "dog", -1, 0.75)]
        sync_labels(session, project, ["cat", "tree"])
        assert len(suggestion_feedback(session, project.id)) == 0


def test_the_newest_versions_come_first_and_alone(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        assert len(suggestion_feedback(session, project.id)) == 0
        versions = [add_version(session, project, f"v000{number}") for number in (1, 2, 3)]
        for number, version in enumerate(versions):
            annotate(
                session,
                project,
                task=101 + number,
                number=number,
                **answer(dog="confirmed"),
                suggested_version=version.name,
            )
        found = suggestion_feedback(session, project.id, versions=2)
        assert found.version_ids.tolist() == [versions[2].id, versions[1].id]
        assert found.probabilities.tolist() == [0.0, 0.625]


def test_who_confirms_what_is_not_there_tells_nothing_of_how_often_suggestions_are_right(
    store: Store, make_project: MakeProject, add_version: Callable[..., ModelVersion], annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        add_version(session, project, "v0001")
        annotate(
            session, project, task=101, number=1, annotator="lazy", **answer(cat="confirmed", dog="rejected")
        )
        annotate(session, project, task=102, number=2, annotator="ann", **answer(dog="confirmed"))
        annotate(session, project, task=103, number=3, annotator=None, **answer(dog="confirmed"))
        found = suggestion_feedback(session, project.id, doubted={"lazy"})
        assert rows(session, project, found) == [(1, "dog", 1, 0.625), (2, "dog", 1, 0.0)]


def test_labels_shown_because_they_were_in_doubt_were_no_suggestions(
    store: Store, make_project: MakeProject, annotate: Annotate, add_version: Callable[..., ModelVersion]
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=3)
        add_version(session, project, "v0001")
        annotate(session, project, task=101, number=1, question=Question.CHECK, **answer(cat="confirmed"))
        annotate(session, project, task=102, number=2, question=Question.TAG, **answer(cat="confirmed"))
        annotate(session, project, task=103, number=3, **answer(dog="rejected"))
        found = rows(session, project, suggestion_feedback(session, project.id))
    assert [each[:2] for each in found] == [(1, "cat"), (2, "dog")]
