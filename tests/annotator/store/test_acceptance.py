"""Lazy acceptance: who confirms what others found absent, and what becomes of their confirmations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from scipy.stats import binomtest
from sqlalchemy.orm import Session

from annotator.settings import Settings
from annotator.store import Annotation, Observed, Project, Source, Store, observed_matrix
from annotator.store.acceptance import LIMIT, Acceptance, acceptances, lazy_annotators
from annotator.store.shared import shared_votes
from annotator.store.states import Review

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]


def said(review: Review | None = Review.SUGGESTIONS, **sources: str) -> dict[str, Any]:
    """dog="confirmed" and so on, as `annotate` takes them."""
    observed = [
        Observed(label, -1 if source in ("rejected", "complete") else 1, Source(source))
        for label, source in sources.items()
    ]
    return {"observed": observed, "review": review, "suggested": ["dog"]}


def by(annotate: Annotate, session: Session, project: Project, who: str, task: int, **answer: Any) -> None:
    number = task * 10 + len(who)
    annotate(session, project, task=task, number=number, annotator=who, **answer)


COMPLETE = said(Review.ALL_LABELS, cat="tag", dog="complete", tree="complete")


def test_only_answers_to_suggestions_that_others_found_absent_tell(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=6)
        for task in range(101, 106):
            by(annotate, session, project, "careful", task, **COMPLETE)
        by(annotate, session, project, "lazy", 101, **said(cat="tag", dog="confirmed"))
        by(annotate, session, project, "lazy", 102, **said(cat="tag", dog="rejected"))
        by(annotate, session, project, "lazy", 103, **said(None, cat="tag", dog="rejected"))  # no review
        by(annotate, session, project, "lazy", 104, **said(cat="confirmed", dog="tag"))  # present, and named
        by(annotate, session, project, "lazy", 105, **said(dog="confirmed"))
        by(annotate, session, project, "lazy", 106, **said(dog="confirmed"))  # nobody else looked
        found = acceptances(session, project.id)
    assert found == [Acceptance("lazy", known_absent=3, accepted=2)]


def test_ground_truth_tells_what_is_absent_and_a_tie_of_others_does_not(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        for task in (101, 102):
            by(annotate, session, project, "lazy", task, **said(dog="confirmed"))
            by(annotate, session, project, "no", task, **COMPLETE)
            by(annotate, session, project, "anybody", task, **said(None, dog="tag"))
        by(annotate, session, project, "judge", 101, **(COMPLETE | {"ground_truth": True}))
        found = {each.annotator: each for each in acceptances(session, project.id)}
    assert found["lazy"] == Acceptance("lazy", known_absent=1, accepted=1)


def test_it_looks_at_no_more_than_the_answered_suggestions_and_finds_the_same(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=6)
        for task in range(101, 107):
            by(annotate, session, project, "careful", task, **COMPLETE)
            source = "rejected" if task == 104 else "confirmed"
            by(annotate, session, project, "lazy", task, **said(cat="tag", dog=source))
        few = shared_votes(session, project.id, suggestions=True)
        everything = shared_votes(session, project.id)
        assert (len(few.votes), len(everything.votes)) == (12, 30), "dog alone, of cat, dog and tree"
        found = acceptances(session, project.id)
        assert found == acceptances(session, project.id, everything)
    assert found == [Acceptance("lazy", known_absent=6, accepted=5)]


@pytest.mark.parametrize(("known", "accepted"), [(1, 1), (4, 4), (10, 3), (10, 0), (200, 90)])
def test_the_interval_is_wilsons(known: int, accepted: int) -> None:
    expected = binomtest(accepted, known).proportion_ci(method="wilson")
    assert Acceptance("a", known, accepted).interval == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_chance_flags_nobody() -> None:
    assert Settings().acceptance_limit == LIMIT
    assert not Acceptance("a", known_absent=3, accepted=3).over(LIMIT)
    assert Acceptance("a", known_absent=4, accepted=4).over(LIMIT)
    assert not Acceptance("a", known_absent=40, accepted=24).over(LIMIT)
    assert not Acceptance("a", known_absent=40, accepted=40).over(1.0)


def test_what_a_doubted_annotator_confirmed_is_unknown_and_all_else_holds(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree, car", images=9)
        for task in range(101, 105):
            by(annotate, session, project, "careful", task, **COMPLETE)
            by(annotate, session, project, "lazy", task, **said(dog="confirmed"))
        by(annotate, session, project, "lazy", 105, **said(cat="tag", dog="confirmed", tree="rejected"))
        by(annotate, session, project, "careful", 106, **said(dog="confirmed"))
        by(annotate, session, project, "lazy", 106, **said(dog="confirmed"))
        by(annotate, session, project, "lazy", 107, **(said(dog="confirmed") | {"ground_truth": True}))
        whole = said(Review.ALL_LABELS, cat="tag", dog="confirmed", tree="complete", car="complete")
        by(annotate, session, project, "lazy", 108, **whole)
        annotate(session, project, task=109, number=9, annotator=None, **said(dog="confirmed"))
        doubted = lazy_annotators(session, project.id)
        assert doubted == {"lazy"}
        assert lazy_annotators(session, project.id, limit=1.0) == frozenset()
        all_said = observed_matrix(session, project.id)
        matrix = observed_matrix(session, project.id, doubted=doubted)
    assert matrix.values[:4, 1].tolist() == [-1] * 4, "a careful one's word, no tie"
    assert all_said.values[:4, 1].tolist() == [0] * 4
    assert matrix.values[4].tolist() == [1, 0, -1, 0]
    assert all_said.values[4].tolist() == [1, 1, -1, 0]
    assert matrix.values[5, 1] == 1, "somebody else confirmed it too"
    assert matrix.values[6, 1] == 1, "ground truth"
    assert matrix.values[7].tolist() == [1, 0, -1, -1]
    assert matrix.covered is not None
    assert matrix.covered[7].tolist() == [True, False, True, True], "what is left of the review holds"
    assert matrix.values[8, 1] == 1, "who is not known is not doubted"
