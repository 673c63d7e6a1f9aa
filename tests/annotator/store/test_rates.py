"""What an hour of each kind of question brings, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from annotator.store import Annotation, Project, Store
from annotator.store.costs import Costs, costs
from annotator.store.rates import Rate, close, rates
from annotator.store.states import Question

MakeProject = Callable[..., Project]


@pytest.fixture
def spent(sqlite_store: Store, make_project: MakeProject) -> Costs:
    """Of a project of ten labels without an answer: tags 5 s, checks 6.8 s, complete answers 10 s."""
    with sqlite_store.session() as session:
        return costs(session, make_project(session, ", ".join("abcdefghij")).id)


def test_an_hour_is_worth_its_answers_times_what_each_is_worth(spent: Costs) -> None:
    found = rates(spent, labels=10, suggests=True)
    by_kind = {rate.question: rate for rate in found}
    # A complete image is taken for 3 tags; of its 2 beyond the tag, each of 9 labels has its share.
    assert by_kind[Question.TAG].an_hour == pytest.approx(3600 / 5)
    assert by_kind[Question.COMPLETE].an_hour == pytest.approx(3600 / 10 * 3)
    assert by_kind[Question.CHECK].an_hour == pytest.approx(3600 / 6.8 * (1 + 2 * 2 / 9))
    assert [rate.question for rate in found] == [Question.COMPLETE, Question.CHECK, Question.TAG]


def test_what_nobody_can_be_asked_is_not_among_them(spent: Costs) -> None:
    assert {rate.question for rate in rates(spent, 10, suggests=False)} == {Question.TAG, Question.COMPLETE}


def test_yes_or_no_counts_once_somebody_has_answered_so(spent: Costs) -> None:
    yes_no = replace(spent.of(Question.YES_NO), answers=3)
    answered = replace(spent, together=spent.together | {Question.YES_NO: yes_no})
    rate = next(each for each in rates(answered, 10, suggests=False) if each.question is Question.YES_NO)
    assert rate.an_hour == pytest.approx(3600 / 0.9 * 2 / 9)


def test_two_that_the_spread_covers_cannot_be_told_apart(spent: Costs) -> None:
    def of(question: Question, worth: float, spread: float = 0.0) -> Rate:
        return Rate(spent.of(question), worth, spread)

    # 3600 / 10 * 3 = 1080 +- 360 beside 720.
    assert not close(of(Question.COMPLETE, 3.0, 0.9), of(Question.TAG, 1.0))
    assert close(of(Question.COMPLETE, 3.0, 1.1), of(Question.TAG, 1.0))


def test_costs_tell_how_many_suggestions_a_page_shows(
    sqlite_store: Store, make_project: MakeProject, annotate: Callable[..., Annotation | None]
) -> None:
    with sqlite_store.session() as session:
        project = make_project(session)
        annotate(session, project, "cat", task=101, number=1, suggested=["dog", "tree", "cat"])
        annotate(session, project, "cat", task=102, number=2, suggested=["dog", "tree"])
        assert costs(session, project.id).suggestions == 2.5
