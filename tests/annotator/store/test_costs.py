"""What answers cost: by hand from a record, and from what people would submit in a real Label Studio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.reconcile import reconcile
from annotator.store import Annotation, Observed, Project, Source, Store, sync_labels
from annotator.store.costs import Costs, costs, prior_seconds, question_of, without_breaks
from annotator.store.states import Question, Review, Unused

MakeProject = Callable[..., Project]
Annotate = Callable[..., Annotation | None]


def seconds(found: Costs) -> dict[Question, float]:
    return {question: found.of(question).seconds for question in Question}


@pytest.mark.parametrize(
    ("review", "complete", "changed", "question"),
    [
        (None, False, False, Question.TAG),
        (None, False, True, Question.CHECK),
        (Review.SUGGESTIONS, False, False, Question.CHECK),
        (Review.SUGGESTIONS, True, True, Question.COMPLETE),
        (Review.ALL_LABELS, False, False, Question.COMPLETE),
        (None, True, False, Question.COMPLETE),
    ],
)
def test_the_kind_of_an_answer_is_what_was_answered(
    review: Review | None, complete: bool, changed: bool, question: Question
) -> None:
    assert question_of(review, complete=complete, changed=changed) is question


def test_the_first_costs_are_priors_and_say_so(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        found = costs(session, make_project(session, "cat, dog, tree").id)
    # Marking all of three labels takes no less than naming one of them.
    assert seconds(found) == {
        Question.TAG: 5.0,
        Question.CHECK: 5.0 + 2 * 0.9,
        Question.YES_NO: 0.9,
        Question.COMPLETE: 5.0,
    }
    assert not any(cost.measured for cost in found.together.values())
    assert all(cost.source and not cost.answers for cost in found.together.values())
    assert found.by_annotator == {}


def test_marking_all_labels_is_taken_to_cost_a_second_each_and_less_in_long_lists() -> None:
    taken = [prior_seconds(Question.COMPLETE, labels) for labels in (0, 5, 6, 20)]
    assert taken == [5.0, 5.0, 6.0, 20.0]
    assert prior_seconds(Question.COMPLETE, 200) == pytest.approx(200 / 6, rel=0.01)
    assert 20 < prior_seconds(Question.COMPLETE, 21) < 21


def test_thirty_answers_of_a_kind_take_the_place_of_its_prior(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=31)
        for number in range(29):
            annotate(session, project, "cat", task=101 + number, number=number, lead_time=1.0 + number)
        before = costs(session, project.id)
        assert (before.of(Question.TAG).seconds, before.of(Question.TAG).answers) == (5.0, 29)
        annotate(session, project, "cat", task=130, number=29, lead_time=30.0)
        found = costs(session, project.id)
    # 1, 2, ..., 30 s: without the lowest and the highest three, 4 to 27, whose median is 15.5.
    cost = found.of(Question.TAG)
    assert (cost.seconds, cost.middle, cost.answers, cost.breaks) == (15.5, (4.0, 27.0), 30, 0)
    assert cost.measured
    assert found.of(Question.TAG, "ann@example.com").seconds == 15.5
    assert found.of(Question.TAG, "another").seconds == 15.5, "of whom nothing is measured: everybody's"
    assert not found.of(Question.COMPLETE).measured


def test_the_newest_answers_tell_the_pace_of_today(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=80)
        for number in range(80):
            taken = 9.0 if number < 40 else 3.0
            annotate(session, project, "cat", task=101 + number, number=number, lead_time=taken)
        annotate(session, project, "dog", task=101, number=0, lead_time=4.0, second=9)  # the newest: revised
        newest, whole = costs(session, project.id, newest=31), costs(session, project.id)
    assert newest.of(Question.TAG).seconds == 3.0
    assert newest.of(Question.TAG, "ann@example.com").seconds == 3.0
    assert (newest.answers, newest.of(Question.TAG).answers) == (31, 31)
    assert (whole.answers, whole.of(Question.TAG).middle) == (80, (3.0, 9.0))
    assert whole.of(Question.TAG).seconds == pytest.approx(3.5), "of 80, 40 took 3 s, one 4 and 39 took 9"


def test_each_annotator_has_a_cost_of_their_own(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=90)
        for number in range(90):
            who, taken = [("quick", 2.0), ("slow", 8.0), ("slow", 8.0)][number % 3]
            annotate(
                *(session, project, "cat"),
                **{"task": 101 + number, "number": number, "annotator": who, "lead_time": taken},
            )
        found = costs(session, project.id)
    assert found.of(Question.TAG, "quick").seconds == 2.0
    assert found.of(Question.TAG, "slow").seconds == 8.0
    assert found.of(Question.TAG).seconds == 8.0, "the next answer comes from whom most came from"


def test_breaks_are_cut_out_before_the_median() -> None:
    # The median of all seven is 5: nothing over max(60, 50) s was an answer's time.
    assert without_breaks([5, 900, 4, 6, 5, 61, 59]) == [4, 5, 5, 6, 59]
    # Of who takes 20 s, one of 150 s was an answer.
    assert without_breaks([20, 20, 20, 150, 210]) == [20, 20, 20, 150]


def test_what_no_person_took_a_time_for_is_left_out_and_counted(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=40)
        for number, taken in enumerate([None, 0.0, -3.0, 0.1, 3601.0, 1e12]):
            annotate(session, project, "cat", task=101 + number, number=number, lead_time=taken)
        annotate(session, project, "cat", task=110, number=10, annotator=None, lead_time=5.0)
        annotate(session, project, task=111, number=11, skipped=True, lead_time=5.0)
        annotate(session, project, task=112, number=12, unused=Unused.UNTOUCHED, lead_time=5.0)
        annotate(session, project, "cat", task=113, number=13, lead_time=5.0)
        found = costs(session, project.id)
    assert found.untimed == 7
    assert {question: cost.answers for question, cost in found.together.items()} == {
        Question.TAG: 1,
        Question.CHECK: 0,
        Question.YES_NO: 0,
        Question.COMPLETE: 0,
    }


def test_a_revision_counts_once_with_the_time_of_all_visits_and_its_own_kind(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        annotate(session, project, "cat", lead_time=4.0)
        absent = [Observed("cat", 1, Source.TAG), Observed("dog", -1, Source.COMPLETE)]
        annotate(
            *(session, project),
            **{"observed": absent, "result": [], "second": 9, "lead_time": 13.0, "review": Review.ALL_LABELS},
        )
        found = costs(session, project.id)
    assert found.of(Question.TAG).answers == 0
    assert found.of(Question.COMPLETE).answers == 1


def test_changed_suggestions_are_checked_ones_and_tell_how_many_a_page_shows(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        annotate(session, project, "cat", "-dog", task=101, number=1, suggested=["dog", "tree", "cat"])
        annotate(session, project, "cat", task=102, number=2, suggested=["dog"])
        annotate(session, project, "cat", task=103, number=3, suggested=[])
        found = costs(session, project.id)
    assert (found.of(Question.CHECK).answers, found.of(Question.TAG).answers) == (1, 2)
    assert found.of(Question.CHECK).seconds == pytest.approx(5.0 + 0.9 * (3 + 1) / 2)


LABELS = ("cat", "dog", "tree", "car")
TAGS = [1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0] * 4
COMPLETE = [10.0 + number for number in range(31)]


def region(control: str, *names: str, origin: str = "manual") -> dict[str, Any]:
    value = {"choices": list(names)}
    made = {"id": control, "from_name": control, "to_name": "image", "type": "choices"}
    return made | {"origin": origin, "value": value}


@pytest.mark.studio
def test_costs_of_submissions_in_a_real_label_studio_are_those_reckoned_by_hand(
    studio: Studio, new_studio_project: Callable[..., int], sqlite_store: Store
) -> None:
    number = new_studio_project(LABELS, tuple(f"data:,{each}" for each in range(70)))
    tasks = [int(task["id"]) for task in studio.tasks(number)]
    cat, everything = region("label", "cat"), region("review", "All labels marked")
    made = [
        studio.annotate(task, [cat], lead_time=taken)["id"]
        for task, taken in zip(tasks, [*TAGS, 0.0, 2000.0], strict=False)
    ]
    for task, taken in zip(tasks[40:], COMPLETE[:-1], strict=False):
        studio.annotate(task, [cat, everything], lead_time=taken)
    # The first tag is marked completely later: the page adds up what both visits took.
    studio.update_annotation(made[0], result=[cat, everything], lead_time=COMPLETE[-1])
    studio.annotate(tasks[36], [cat])  # through the API, without a time
    studio.annotate(tasks[37], [], skipped=True, lead_time=3.0)
    with sqlite_store.session() as session:
        config = build_config(LABELS)
        project = Project(studio_url=studio.url, studio_project=number, title="photos", label_config=config)
        session.add(project)
        session.flush()
        sync_labels(session, project, LABELS)
        project_id = project.id
    reconcile(sqlite_store, studio, project_id)
    with sqlite_store.reading() as session:
        reckoned = costs(session, project_id)
    # The tags without the first: 1.5 three times, each other time four times, and a break of 2,000 s. Of 31
    # ordered times three are cut at either end; the median of the rest is the sixteenth of all, 3.5.
    tag = reckoned.of(Question.TAG)
    assert (tag.seconds, tag.middle, tag.answers, tag.breaks) == (3.5, (2.0, 5.0), 31, 1)
    # 10, 11, ..., 40: without three at either end 13 to 37, whose median is 25.
    complete = reckoned.of(Question.COMPLETE)
    assert (complete.seconds, complete.middle, complete.answers) == (25.0, (13.0, 37.0), 31)
    assert reckoned.untimed == 2, "a time of nought, and none"
    assert not reckoned.of(Question.CHECK).measured
