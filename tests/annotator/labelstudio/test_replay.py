"""Observations are derived again from the raw results, and the older ones are kept, retired."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.labelstudio.config import build_config
from annotator.labelstudio.replay import replay
from annotator.store import (
    Annotation,
    Image,
    Label,
    Observation,
    Observed,
    Project,
    Source,
    Store,
    Submission,
    record_annotation,
    sync_labels,
)
from annotator.store.models import RULE
from annotator.store.states import Review

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LABELS = ("bus", "person", "sheep", "tree")
MakeProject = Callable[..., Project]


def region(control: str, *names: str, origin: str = "manual") -> dict[str, Any]:
    return {"id": "r", "from_name": control, "origin": origin, "value": {"choices": list(names)}}


BUS = region("label", "bus")
CHANGED = region("suggested", "person", "sheep", origin="prediction-changed")
TAG = Observed("bus", 1, Source.TAG)
OLD: dict[int, tuple[list[Any], list[Observed]]] = {
    # What the first rule made of each answer; `person` had been suggested.
    101: ([BUS, CHANGED], [TAG, Observed("person", 1, Source.CONFIRMED), Observed("sheep", 1, Source.ADDED)]),
    102: ([BUS], [TAG, Observed("person", -1, Source.REJECTED)]),
    103: (
        [BUS, CHANGED, region("review", "All labels marked")],
        [
            TAG,
            Observed("person", 1, Source.CONFIRMED),
            Observed("sheep", 1, Source.ADDED),
            Observed("tree", -1, Source.COMPLETE),
        ],
    ),
}


def by_the_first_rule(session: Session, make_project: MakeProject) -> Project:
    project = make_project(session, ", ".join(LABELS), images=3)
    project.label_config, project.rule = build_config(LABELS), 1
    for task, (result, observed) in OLD.items():
        image = session.scalars(
            select(Image).where(Image.project_id == project.id, Image.studio_task == task)
        ).one()
        record_annotation(
            session,
            project,
            image,
            Submission(task, result, False, "ann", 2.0, "v1", ["person"], observed, NOON),
        )
    sync_labels(session, project, [*LABELS, "later"])
    project.label_config = build_config([*LABELS, "later"])
    return project


def known(session: Session, task: int) -> dict[str, str]:
    said = (
        select(Label.name, Observation.source)
        .join(Observation, Observation.label_id == Label.id)
        .join(Image, Image.id == Observation.image_id)
        .where(Image.studio_task == task, Observation.retired_at.is_(None))
    )
    return dict(session.execute(said).all())


def test_a_suggestion_that_was_left_beside_a_change_is_unknown_again(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        by_the_first_rule(session, make_project)
        before = session.scalar(select(func.count(Observation.id))) or 0
    steps: list[tuple[int, int]] = []
    report = replay(store, progress=lambda *step: steps.append(step))
    assert (report.annotations, report.changed) == (3, 1)
    assert report.changes == {"confirmed -> unknown": 1}
    assert str(report) == "1 of 3 answers read anew (1 confirmed -> unknown)"
    assert steps[-1] == (3, 3)
    with store.reading() as session:
        assert known(session, 101) == {"bus": "tag", "sheep": "added"}
        assert known(session, 102) == {"bus": "tag", "person": "rejected"}
        assert known(session, 103) == {
            "bus": "tag",
            "person": "confirmed",
            "sheep": "added",
            "tree": "complete",
        }, "all were looked at; of the label that came later nothing was said"
        retired = session.scalar(
            select(func.count(Observation.id)).where(Observation.retired_at.is_not(None))
        )
        assert (retired or 0) > 0
        assert (session.scalar(select(func.count(Observation.id))) or 0) > before, "none is deleted"
        reviews = (
            select(Annotation.review).where(Annotation.retired_at.is_(None)).order_by(Annotation.image_id)
        )
        assert list(session.scalars(reviews)) == [None, None, Review.ALL_LABELS]


def test_it_is_done_once_and_again_only_when_asked(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        by_the_first_rule(session, make_project)
    replay(store)
    with store.reading() as session:
        assert session.scalars(select(Project.rule)).one() == RULE
        rows = session.scalar(select(func.count(Observation.id)))
    assert replay(store).annotations == 0
    again = replay(store, everything=True)
    assert (again.annotations, again.changed) == (3, 0)
    with store.reading() as session:
        assert session.scalar(select(func.count(Observation.id))) == rows


def test_a_project_whose_label_config_cannot_be_read_is_told_and_loses_nothing(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        by_the_first_rule(session, make_project).label_config = "<View/>"
    report = replay(store)
    assert (report.changed, len(report.problems)) == (0, 3)
    with store.reading() as session:
        assert known(session, 101) == {"bus": "tag", "person": "confirmed", "sheep": "added"}
