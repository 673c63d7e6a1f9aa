"""The observed matrix: three values, the majority of several annotators, and nothing of what is retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from annotator.store import (
    Annotation,
    Project,
    Store,
    complete_reviews,
    observed_matrix,
    remove_images,
    retire_annotation,
    sync_labels,
)
from annotator.store.records import Observed

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


def test_what_nobody_said_is_unknown(store: Store, make_project: MakeProject, annotate: Annotate) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=3)
        annotate(session, project, "cat", "-tree", task=102)
        matrix = observed_matrix(session, project.id)
    assert matrix.label_names == ["cat", "dog", "tree"]
    assert matrix.values.dtype == np.int8
    assert matrix.values.tolist() == [[0, 0, 0], [1, 0, -1], [0, 0, 0]]
    assert matrix.conflicts == 0
    assert matrix.image_ids == sorted(matrix.image_ids)


def test_columns_follow_the_label_config_and_not_the_ids(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=1)
        annotate(session, project, "cat", "-dog")
        sync_labels(session, project, ["tree", "dog", "bird", "cat"])
        matrix = observed_matrix(session, project.id)
    assert matrix.label_names == ["tree", "dog", "bird", "cat"]
    assert matrix.values.tolist() == [[0, -1, 0, 1]]


@pytest.mark.parametrize(
    ("votes", "value", "conflicts"),
    [(["cat", "cat", "-cat"], 1, 0), (["-cat", "-cat", "cat"], -1, 0), (["cat", "-cat"], 0, 1), ([], 0, 0)],
)
def test_the_majority_of_the_annotators_counts_and_a_tie_is_unknown(
    store: Store, make_project: MakeProject, annotate: Annotate, votes: list[str], value: int, conflicts: int
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number, vote in enumerate(votes):
            annotate(session, project, vote, number=number, annotator=f"annotator {number}")
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[value, 0]]
    assert matrix.conflicts == conflicts


def test_what_was_retired_removed_or_archived_is_left_out(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        annotate(session, project, "cat", task=101, number=1)
        annotate(session, project, "cat", task=102, number=2)
        annotate(session, project, "dog", task=103, number=3)
        retire_annotation(session, project, 1, at(9))
        remove_images(session, project.id, [102])
        sync_labels(session, project, ["cat"])
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[0], [0]]


def test_projects_do_not_mix(store: Store, make_project: MakeProject, annotate: Annotate) -> None:
    with store.session() as session:
        first, second = make_project(session, images=1), make_project(session, images=1, title="Plants")
        annotate(session, first, "cat")
        assert observed_matrix(session, first.id).values.tolist() == [[1, 0, 0]]
        assert observed_matrix(session, second.id).values.tolist() == [[0, 0, 0]]


def test_a_project_without_anything(store: Store) -> None:
    with store.session() as session:
        session.add(project := Project(title="Empty", label_config=""))
        session.flush()
        assert observed_matrix(session, project.id).values.shape == (0, 0)
        assert complete_reviews(session, project.id) == []


def test_complete_reviews_count_the_labels_present(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    def review(*values: int) -> list[Observed]:
        names = ("cat", "dog", "tree")
        return [Observed(name, value, "complete") for name, value in zip(names, values, strict=True)]

    with store.session() as session:
        project = make_project(session, images=5)
        annotate(session, project, task=101, number=1, observed=review(1, -1, -1))
        annotate(session, project, task=102, number=2, observed=review(1, -1, 1))
        annotate(session, project, task=103, number=3, observed=review(-1, -1, -1))
        annotate(
            session, project, "cat", "dog", "tree", task=104, number=4
        )  # all present: nothing was left over
        annotate(session, project, "cat", "-dog", task=105, number=5)  # one unknown: no review
        assert sorted(complete_reviews(session, project.id)) == [0, 1, 2, 3]


def test_a_review_outlives_a_new_label(store: Store, make_project: MakeProject, annotate: Annotate) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, observed=[Observed("cat", 1, "tag"), Observed("dog", -1, "complete")])
        sync_labels(session, project, ["cat", "dog", "bird"])
        assert complete_reviews(session, project.id) == [1]
