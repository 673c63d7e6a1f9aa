"""An annotator with several annotations of an image has one vote on each label: the newest word."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from annotator.store import Annotation, Observed, Project, Source, Store, observed_matrix, retire_annotation
from annotator.store.acceptance import acceptances
from annotator.store.agreement import agreement
from annotator.store.shared import shared_votes
from annotator.store.states import Review

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["cat", "-cat"], -1),
        (["-cat", "cat"], 1),
        (["cat", "cat", "-cat"], -1),
        (["cat", "-dog"], 1),
        (["cat", ""], 1),
    ],
)
def test_the_newest_word_of_an_annotator_counts_whichever_came_first_to_us(
    store: Store, make_project: MakeProject, annotate: Annotate, words: list[str], value: int
) -> None:
    for order in (1, -1):
        with store.session() as session:
            project = make_project(session, "cat, dog", images=1, title=f"Pets {order}")
            for number, word in list(enumerate(words))[::order]:
                annotate(session, project, *filter(None, [word]), number=number, second=number)
            matrix = observed_matrix(session, project.id)
        assert matrix.values[0, 0] == value
        assert matrix.conflicts == 0


def test_an_annotator_has_one_vote_among_others(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number in range(3):
            annotate(session, project, "cat", number=number, annotator="ann", second=number)
        annotate(session, project, "-cat", number=7, annotator="bob")
        assert observed_matrix(session, project.id).values.tolist() == [[0, 0]], "a tie of two"
        annotate(session, project, "-cat", number=8, annotator="eve")
        assert observed_matrix(session, project.id).values.tolist() == [[-1, 0]]


def test_annotations_of_whom_is_not_known_are_votes_of_several(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number, word in enumerate(["cat", "cat", "-cat"]):
            annotate(session, project, word, number=number, annotator=None, second=number)
        assert observed_matrix(session, project.id).values.tolist() == [[1, 0]]


def test_an_older_word_counts_again_once_the_newer_is_gone(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Callable[[float], datetime]
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, "cat", number=1)
        annotate(session, project, "-cat", number=2, second=1)
        retire_annotation(session, project, 2, at(9))
        assert observed_matrix(session, project.id).values.tolist() == [[1, 0]]


def test_ground_truth_is_not_outdated(store: Store, make_project: MakeProject, annotate: Annotate) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, "cat", number=1, annotator="ann", ground_truth=True)
        annotate(session, project, "-cat", number=2, annotator="ann", second=1)
        annotate(session, project, "-cat", number=3, annotator="bob", second=1)
        assert observed_matrix(session, project.id).values.tolist() == [[1, 0]]


def test_what_does_not_count_outdates_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    lazily = [Observed("cat", 1, Source.CONFIRMED)]
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, "-cat", number=1, annotator="ann")
        annotate(session, project, number=2, annotator="ann", observed=lazily, second=1)
        assert observed_matrix(session, project.id).values.tolist() == [[1, 0]]
        assert observed_matrix(session, project.id, doubted=["ann"]).values.tolist() == [[-1, 0]]


def test_only_the_newest_word_is_compared_with_others(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    def reviewed(**sources: str) -> dict[str, Any]:
        said = [
            Observed(name, -1 if source == "rejected" else 1, Source(source))
            for name, source in sources.items()
        ]
        return {"observed": said, "review": Review.SUGGESTIONS}

    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        annotate(session, project, number=1, annotator="ann", **reviewed(cat="confirmed", dog="confirmed"))
        annotate(session, project, number=2, annotator="ann", second=1, **reviewed(cat="rejected"))
        annotate(session, project, "-cat", "dog", number=3, annotator="bob", second=2)
        votes = shared_votes(session, project.id)
        assert sorted(zip(votes.annotators.tolist(), votes.votes.tolist(), strict=True)) == [
            (0, -1),
            (0, 1),
            (1, -1),
            (1, 1),
        ]
        assert agreement(session, project.id).agree == 1.0
        (ann,) = acceptances(session, project.id)
        assert (ann.annotator, ann.known_absent, ann.accepted) == ("ann", 1, 0)
