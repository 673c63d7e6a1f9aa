"""A plan of a project's record: what it reads, what it advises, and what a hand calculation says of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from sqlalchemy import select, update

from annotator.errors import OnetagError
from annotator.store import (
    Image,
    Observed,
    ObservedMatrix,
    Project,
    Source,
    Store,
    Submission,
    count_unanswered,
    record_annotation,
    sync_labels,
)
from annotator.store.states import Question, Review
from model_backend.engine.planning import LITTLE, Plan, measured_on, plan_project
from model_backend.engine.resources import LearningResources
from model_backend.planning import Forecast, PowerLaw
from model_backend.planning.refits import reviewed_rows
from model_backend.progress import silent
from model_backend.training import Pool
from tests.model_backend.conftest import LABELS, truth

Complete = Callable[[Project, range], None]


@pytest.fixture
def complete(sqlite_store: Store) -> Complete:
    """Marks all labels of some images, in 12 s each."""

    def mark(project: Project, numbers: range) -> None:
        with sqlite_store.session() as session:
            for number in numbers:
                uri = f"/data/{number}.png"
                image = session.scalars(select(Image).where(Image.uri == uri)).one()
                said = Submission(
                    studio_annotation=number,
                    result=[],
                    skipped=False,
                    annotator="ann",
                    lead_time=12.0,
                    suggested_version=None,
                    suggested=None,
                    observed=[
                        Observed(name, 1, Source.ADDED)
                        if name in truth(number)
                        else Observed(name, -1, Source.COMPLETE)
                        for name in LABELS
                    ],
                    at=datetime.now(UTC),
                    review=Review.ALL_LABELS,
                )
                record_annotation(session, session.get_one(Project, project.id), image, said)

    return mark


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    """A project of 90 images, 40 of them tagged."""
    made = new_project(sqlite_store, images=90)
    tag(sqlite_store, made, range(1, 41))
    return made


def test_before_images_are_marked_completely_it_says_how_many_should_be(
    sqlite_store: Store, project: Project, resources: LearningResources, complete: Complete
) -> None:
    complete(project, range(41, 46))
    found = plan_project(sqlite_store, resources, project.id, silent)
    assert (found.reviews, found.lacking, found.forecast) == (5, 15, None)
    assert not found.worth.measured
    assert found.left == 45
    # A prior of 5 s each, for 3 labels; ann's 40 tags took 1 s each.
    assert {rate.question: rate.an_hour for rate in found.rates} == pytest.approx(
        {Question.TAG: 3600.0, Question.COMPLETE: 3600 / 5 * 3}
    )
    assert (found.best.question, found.hour) == (Question.TAG, 45)


def test_completely_marked_images_tell_what_is_reached_and_what_they_cost(
    sqlite_store: Store, project: Project, resources: LearningResources, complete: Complete
) -> None:
    complete(project, range(41, 72))
    stages: list[str] = []
    found = plan_project(sqlite_store, resources, project.id, lambda stage, _: stages.append(stage))
    assert (found.reviews, found.lacking) == (31, 0)
    assert found.completing.cost.seconds == 12.0
    assert found.forecast is not None
    assert 0.8 < found.forecast.measured <= 1, "colours are easily told"
    assert found.forecast.answers == pytest.approx(40 + 31 * found.worth.tags)
    assert {"learning curve", "worth of a complete image"} <= set(stages)


def test_nobody_has_answered_anything(
    sqlite_store: Store, new_project: Callable[..., Project], resources: LearningResources
) -> None:
    made = new_project(sqlite_store, images=3)
    with pytest.raises(OnetagError, match="answer"):
        plan_project(sqlite_store, resources, made.id, silent)


def test_it_pays_until_a_hundred_answers_bring_less_than_half_a_point(
    sqlite_store: Store, project: Project, resources: LearningResources
) -> None:
    law = PowerLaw(0.1, 1.0, 0.5)
    known = Forecast(400, law, (law,), measured=0.8, spread=0.02)
    found = replace(plan_project(sqlite_store, resources, project.id, silent), forecast=known)
    assert found.best.worth == 1.0
    assert found.believed == 400, "twice what was answered"
    # From 400 on a hundred bring 0.0053, from 500 on 0.0039.
    assert law(400) - law(500) > LITTLE > law(500) - law(600)
    assert found.pays_until == 100
    flat = PowerLaw(0.2, 0.0, 1.0)
    assert replace(found, forecast=Forecast(400, flat, (flat,), 0.8, 0.02)).pays_until == 0
    steep = PowerLaw(0.0, 8.0, 0.5)
    assert replace(found, forecast=Forecast(400, steep, (steep,), 0.6, 0.02)).pays_until is None
    with sqlite_store.reading() as session:
        assert found.hour == count_unanswered(session, project.id) == 50, "no more images than there are"


def test_a_plan_reads_and_changes_nothing(
    sqlite_store: Store, project: Project, resources: LearningResources
) -> None:
    first, second = (plan_project(sqlite_store, resources, project.id, silent) for _ in range(2))
    assert isinstance(first, Plan)
    assert first == second


def test_without_label_studio_images_are_left_of_which_nothing_is_known(
    sqlite_store: Store, project: Project, resources: LearningResources
) -> None:
    with sqlite_store.session() as session:
        session.get_one(Project, project.id).image_folder = "/pictures"
        session.execute(update(Image).values(studio_task=None))
    assert plan_project(sqlite_store, resources, project.id, silent).left == 50


def test_a_label_that_came_later_leaves_the_reviews_what_they_are(
    sqlite_store: Store, project: Project, resources: LearningResources, complete: Complete
) -> None:
    complete(project, range(41, 66))
    with sqlite_store.session() as session:
        sync_labels(session, session.get_one(Project, project.id), [*LABELS, "gold"])
    found = plan_project(sqlite_store, resources, project.id, silent)
    assert found.reviews == 25
    assert found.forecast is not None
    assert 0.8 < found.forecast.measured <= 1, "of the labels that there were"


@pytest.mark.parametrize(("by_chance", "scored"), [(30, 30), (5, 60)])
def test_it_measures_on_images_drawn_by_chance_once_there_are_enough(by_chance: int, scored: int) -> None:
    values = np.zeros((100, 3), np.int8)
    values[:60] = 1
    values[60:90, 0] = 1
    observed = ObservedMatrix(list(range(100)), [1, 2, 3], ["a", "b", "c"], values, 0)
    picked = np.zeros(100, dtype=bool)
    picked[:by_chance] = picked[95:] = True
    covered, asked = measured_on(observed, picked)
    pool = Pool(np.eye(100, dtype=np.float32), (), values, None, covered, asked)
    assert len(reviewed_rows(pool)) == scored
    told = np.zeros(100, dtype=bool) if pool.asked is None else pool.asked.all(axis=1)
    assert np.flatnonzero(told).tolist() == list(range(scored, 60)), "the others still teach"
