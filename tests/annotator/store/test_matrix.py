"""The observed matrix: three values, the majority of several annotators, and nothing of what is retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest

from annotator.store import (
    Annotation,
    Project,
    Store,
    observed_matrix,
    remove_images,
    retire_annotation,
    sync_labels,
)

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


def test_ground_truth_alone_votes_where_it_says_something(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number in range(3):
            annotate(session, project, "cat", "dog", number=number, annotator=f"annotator {number}")
        annotate(session, project, "-cat", number=9, annotator="the judge", ground_truth=True)
        assert observed_matrix(session, project.id).values.tolist() == [[-1, 1]]
        retire_annotation(session, project, 9, datetime.now(UTC))
        assert observed_matrix(session, project.id).values.tolist() == [[1, 1]]
