"""The observed matrix: three values, the majority of several annotators, and nothing of what is retired."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Claim,
    Observed,
    Project,
    Source,
    Store,
    follow_file,
    observed_matrix,
    open_import,
    remove_images,
    retire_annotation,
    sync_labels,
)
from annotator.store.states import Question, Review
from annotator.store.types import utc_now
from benchmarks.load.filling import Size, fill
from tests.annotator.conftest import NOON

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


def review(annotate: Annotate, session: Session, project: Project, *said: str, **others: Any) -> None:
    """A complete review: what is absent is so because all labels were marked."""
    observed = [
        Observed(text.removeprefix("-"), -1, Source.COMPLETE)
        if text.startswith("-")
        else Observed(text, 1, Source.TAG)
        for text in said
    ]
    annotate(session, project, observed=observed, result=list(said), **others)


def test_where_every_review_knows_all_labels_nothing_more_is_told(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=2)
        review(annotate, session, project, "cat", "-dog", task=101)
        annotate(session, project, "dog", task=102, number=2)
        assert observed_matrix(session, project.id).covered is None


def test_a_review_holds_for_the_labels_that_there_were(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    later = (utc_now() - NOON).total_seconds() + 3600
    with store.session() as session:
        project = make_project(session, "cat, dog", images=4)
        review(annotate, session, project, "cat", "-dog", task=101, number=1)
        review(annotate, session, project, "cat", "-dog", task=102, number=2)
        annotate(session, project, "dog", task=103, number=3)
        sync_labels(session, project, ["cat", "dog", "tree"], utc_now())
        annotate(session, project, "tree", task=102, number=4, annotator="another")  # no review of the tree
        review(annotate, session, project, "-cat", "dog", "tree", task=104, number=5, second=later)
        matrix = observed_matrix(session, project.id)
    assert matrix.covered is not None
    assert matrix.covered.tolist() == [
        [True, True, False],
        [True, True, False],
        [False, False, False],
        [True, True, True],
    ]


def test_a_label_that_left_and_came_back_is_covered_as_before(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        review(annotate, session, project, "cat", "-dog", task=101)
        sync_labels(session, project, ["cat"])
        sync_labels(session, project, ["cat", "dog"])
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[1, -1]]
    assert matrix.covered is None


def test_a_review_that_found_every_label_holds_too(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=2)
        annotate(session, project, "cat", "dog", task=101, number=1)  # nothing is absent: no word of a review
        annotate(session, project, "cat", task=102, number=2)
        assert observed_matrix(session, project.id).covered is None
        sync_labels(session, project, ["cat", "dog", "tree"])
        annotate(session, project, "tree", task=101, number=3, annotator="another")
        matrix = observed_matrix(session, project.id)
    assert matrix.covered is not None
    assert matrix.covered.tolist() == [[True, True, False], [False, False, False]]
    assert matrix.values.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_a_disagreement_leaves_no_review_as_ever(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        review(annotate, session, project, "cat", "-dog", number=1)
        annotate(session, project, "dog", number=2, annotator="another")
        assert observed_matrix(session, project.id).covered is None


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


def test_cells_go_by_and_are_never_all_in_memory(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells, most = 40_000, 500
    monkeypatch.setattr("annotator.store.matrix.CELLS_AT_ONCE", most)
    fill(sqlite_store, Size(2_000, cells))
    with sqlite_store.reading() as session:
        observed_matrix(session, 1)  # what is made once only
        tracemalloc.start()
        matrix = observed_matrix(session, 1)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert np.count_nonzero(matrix.values) == cells
    assert peak < cells * 32  # the four numbers of each cell


def by_name(label: str, value: int, source: Source = Source.ANSWERED) -> dict[str, Any]:
    """An answer to a question that named the label, as `annotate` takes it."""
    return {"observed": [Observed(label, value, source)], "suggested": None}


def test_what_a_question_named_is_told_from_what_people_volunteered(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=4)
        annotate(session, project, "cat", task=101, number=1)
        assert observed_matrix(session, project.id).asked is None
        annotate(session, project, task=102, number=2, **by_name("dog", -1))
        annotate(session, project, task=103, number=3, **by_name("cat", 1))
        annotate(session, project, "cat", task=103, number=4, annotator="bob@example.com")
        annotate(session, project, task=104, number=5, **by_name("dog", 1))
        annotate(session, project, task=104, number=6, annotator="bob", **by_name("dog", -1))
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[1, 0], [0, -1], [1, 0], [0, 0]]
    assert matrix.asked is not None
    assert matrix.asked.tolist() == [[False, False], [False, True], [False, False], [False, False]]


@pytest.mark.parametrize(
    ("question", "review", "asked"),
    [
        (Question.CHECK, Review.SUGGESTIONS, True),
        (Question.TAG, Review.SUGGESTIONS, False),
        (Question.CHECK, None, False),
    ],
)
def test_labels_shown_to_be_checked_are_asked_by_name(
    store: Store,
    make_project: MakeProject,
    annotate: Annotate,
    question: Question,
    review: Review | None,
    asked: bool,
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        said = [Observed("cat", 1, Source.CONFIRMED), Observed("dog", -1, Source.REJECTED)]
        annotate(session, project, observed=said, question=question, review=review)
        found = observed_matrix(session, project.id).asked
    assert (found.tolist() if found is not None else None) == ([[True, True]] if asked else None)
