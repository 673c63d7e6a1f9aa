"""The observed matrix: three values, the majority of several annotators, and nothing of what is retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pytest

from annotator.store import (
    Annotation,
    Claim,
    Project,
    Store,
    follow_file,
    observed_matrix,
    open_import,
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


@pytest.mark.parametrize(
    ("people", "files", "expected"),
    [
        (["cat"], [-1, -1, -1], (1, 0)),
        (["-cat"], [1], (-1, 0)),
        (["cat", "-cat"], [1], (0, 1)),
        ([], [1], (1, 0)),
        ([], [1, -1], (0, 1)),
        ([], [-1, -1, 1], (-1, 0)),
    ],
)
def test_files_have_a_vote_only_where_nobody_annotated(
    store: Store,
    make_project: MakeProject,
    annotate: Annotate,
    people: list[str],
    files: list[int],
    expected: tuple[int, int],
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number, vote in enumerate(people):
            annotate(session, project, vote, number=number, annotator=f"annotator {number}")
        for number, said in enumerate(files):
            name = f"/{number}.csv"
            record = open_import(
                session, project.id, name=name, form="csv", claim=Claim.COMPLETE, digest=name
            )
            matrix = observed_matrix(session, project.id)
            values = np.array([[said, 0]], dtype=np.int8)
            follow_file(session, [record.id], matrix.image_ids, matrix.label_ids, values)
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[expected[0], 0]]
    assert matrix.conflicts == expected[1]


def test_once_the_annotation_is_gone_the_file_counts(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, "cat", number=1)
        record = open_import(session, project.id, name="/a", form="csv", claim=Claim.COMPLETE, digest="1")
        matrix = observed_matrix(session, project.id)
        values = np.array([[-1, -1]], dtype=np.int8)
        follow_file(session, [record.id], matrix.image_ids, matrix.label_ids, values)
        assert observed_matrix(session, project.id).values.tolist() == [[1, -1]]
        retire_annotation(session, project, 1, at(9))
        assert observed_matrix(session, project.id).values.tolist() == [[-1, -1]]
