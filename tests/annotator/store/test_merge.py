"""Two records of one project become one, with everything that either holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Base,
    Deletion,
    Event,
    Image,
    Label,
    LabelVector,
    ModelVersion,
    Observation,
    Project,
    RunReason,
    RunState,
    Store,
    Suggestion,
    TrainingRun,
    live_labels,
    observed_matrix,
    queue_run,
    record_event,
    retire_annotation,
    sync_images,
    sync_labels,
)
from annotator.store.merge import merge_projects

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]
Moment = Callable[[float], datetime]


def two(session: Session, make_project: MakeProject) -> tuple[Project, Project]:
    """The same project of Label Studio, recorded at two addresses; the second knows more labels and tasks."""
    first = make_project(session, "cat, dog", images=3, title="first")
    second = make_project(session, "dog, cat, tree", images=3, title="second")
    sync_images(session, second.id, {104: "/data/upload/7/4.jpg"})
    return first, second


def version(session: Session, project: Project, name: str, **fields: Any) -> ModelVersion:
    labels = live_labels(session, project.id)
    made = ModelVersion(
        project_id=project.id,
        name=name,
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder=f"versions/project-{project.id}/{name}",
        backbone="x",
        **fields,
    )
    session.add(made)
    session.flush()
    for image in session.scalars(select(Image.id).where(Image.project_id == project.id)):
        session.add(LabelVector(version_id=made.id, image_id=image, probabilities=b"12"))
        session.add(Suggestion(version_id=made.id, image_id=image, labels=["cat"], score=0.5, cluster=0))
    project.active_version_id = made.id
    session.flush()
    return made


def count(session: Session, table: type[Base], *conditions: Any) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def test_nothing_is_lost_and_nothing_is_left_of_the_double(
    store: Store, make_project: MakeProject, annotate: Annotate, at: Moment
) -> None:
    with store.session() as session:
        first, second = two(session, make_project)
        annotate(session, first, "cat", task=101, number=1, second=1)
        annotate(session, first, "dog", task=102, number=2, second=2)
        annotate(session, second, "cat", task=101, number=1, second=1)
        annotate(session, second, "cat", task=102, number=2, second=9)  # edited since
        annotate(session, second, "tree", "-cat", task=104, number=4, second=10)
        retire_annotation(session, first, 5, at(1))
        retire_annotation(session, second, 5, at(2))
        retire_annotation(session, second, 6, at(2))
        record_event(session, "PING", {}, second.id)
        old, new = version(session, first, "v0001-a"), version(session, second, "v0001-b")
        revisions, seen = count(session, Annotation), count(session, Observation)
        names = {each.id: each.name for each in (old, new)}

        kept = merge_projects(session, first.id, second.id)

        assert [row.id for row in session.scalars(select(Project))] == [kept.id]
        assert kept.title == "first"
        assert count(session, Annotation, Annotation.project_id == kept.id) == revisions
        assert count(session, Observation) == seen
        assert count(session, Event, Event.project_id == kept.id) == 1
        assert count(session, Deletion, Deletion.project_id == kept.id) == 2
        assert count(session, Image) == 4
        assert count(session, Label) == 3
        assert {row.id: row.name for row in session.scalars(select(ModelVersion))} == names
        assert kept.active_version_id == new.id
        assert count(session, LabelVector) == count(session, Suggestion) == 3 + 4
        matrix = observed_matrix(session, kept.id)
        known = {
            (image, name): int(value)
            for image, row in enumerate(matrix.values)
            for name, value in zip(matrix.label_names, row, strict=True)
            if value
        }
        assert known == {(0, "cat"): 1, (1, "cat"): 1, (3, "tree"): 1, (3, "cat"): -1}


def test_versions_of_the_double_know_the_labels_that_are_kept(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        first, second = two(session, make_project)
        made = version(session, second, "v0001-b").id
        kept = merge_projects(session, first.id, second.id)
        found = session.get_one(ModelVersion, made)
        ids = {label.name: label.id for label in session.scalars(select(Label))}
        assert found.label_ids == [ids[name] for name in found.labels]
        sync_labels(session, kept, ["cat", "dog", "tree"])


def test_of_two_that_say_the_same_the_first_stays_since_it_knows_what_was_shown(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        first, second = two(session, make_project)
        told = annotate(session, first, "cat", second=1, suggested=["cat", "dog"])
        annotate(session, second, "cat", second=1, suggested=None)
        assert told is not None
        kept = merge_projects(session, first.id, second.id)
        rows = session.scalars(select(Annotation).order_by(Annotation.revision)).all()
        assert [(row.revision, row.retired_at is None, row.project_id) for row in rows] == [
            (1, False, kept.id),
            (2, True, kept.id),
        ]
        assert rows[-1].suggested == ["cat", "dog"]


def test_one_open_training_goes_on(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        first, second = two(session, make_project)
        queue_run(session, first.id, RunReason.ASKED_FOR)
        queue_run(session, second.id, RunReason.ASKED_FOR)
        kept = merge_projects(session, first.id, second.id)
        runs = session.scalars(select(TrainingRun).order_by(TrainingRun.id)).all()
        assert [run.state for run in runs] == [RunState.QUEUED, RunState.FAILED]
        assert {run.project_id for run in runs} == {kept.id}
        assert "twice" in str(runs[1].error)
