"""A person's threshold holds until it is taken back, in every version."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import Label, ModelVersion, Project, Store, live_labels
from annotator.store.merge import merge_projects
from annotator.store.models import LabelThreshold
from annotator.store.thresholds import (
    NEVER,
    are_in_force,
    held_thresholds,
    projects_to_adjust,
    set_threshold,
    take_threshold_back,
    thresholds_in_force,
)

MakeProject = Callable[..., Project]


def add_version(
    session: Session, project: Project, thresholds: list[float], learned: list[float] | None = None
) -> ModelVersion:
    """A version in use."""
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id,
        name="v0001",
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder="versions/v0001",
        backbone="none",
        thresholds=thresholds,
        learned_thresholds=learned,
    )
    session.add(version)
    session.flush()
    project.active_version_id = version.id
    return version


def test_what_a_person_set_holds_and_the_rest_is_as_learned(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree")
        version = add_version(session, project, [0.8, 0.7, 0.6])
        cat, _, tree = live_labels(session, project.id)
        set_threshold(session, cat, 0.25, "ann")
        set_threshold(session, tree, NEVER, "ann")
        held = held_thresholds(session, project.id)
        assert thresholds_in_force(version, held) == [0.25, 0.7, NEVER]
        assert not are_in_force(version, held)
        assert projects_to_adjust(session) == [project.id]


def test_taken_back_the_learned_one_holds_again(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog")
        version = add_version(session, project, [0.25, 0.7], learned=[0.8, 0.7])
        cat = live_labels(session, project.id)[0]
        set_threshold(session, cat, 0.25, "ann")
        assert projects_to_adjust(session) == []
        take_threshold_back(session, cat, "ben")
        assert thresholds_in_force(version, held_thresholds(session, project.id)) == [0.8, 0.7]
        assert projects_to_adjust(session) == [project.id]


def test_who_set_what_and_who_took_it_back_stays_known(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        cat = live_labels(session, make_project(session, "cat").id)[0]
        set_threshold(session, cat, 0.5, "ann")
        set_threshold(session, cat, 0.75, "ben")
        take_threshold_back(session, cat, "cem")
        rows = session.scalars(select(LabelThreshold).order_by(LabelThreshold.id)).all()
        assert [(each.value, each.set_by, each.retired_by) for each in rows] == [
            (0.5, "ann", "ben"),
            (0.75, "ben", "cem"),
        ]
        assert all(each.retired_at for each in rows)


@pytest.mark.parametrize("value", [0.0, -0.5, 1.005, 2.0, float("nan")])
def test_what_is_no_threshold_is_refused(store: Store, make_project: MakeProject, value: float) -> None:
    with store.session() as session:
        cat = live_labels(session, make_project(session, "cat").id)[0]
        with pytest.raises(OnetagError, match="is no threshold"):
            set_threshold(session, cat, value, "ann")


def test_thresholds_of_other_projects_and_of_pruned_versions_are_left_alone(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        first, second = make_project(session, "cat"), make_project(session, "cat", title="Others")
        add_version(session, first, [0.8])
        set_threshold(session, live_labels(session, second.id)[0], 0.5, "ann")
        assert held_thresholds(session, first.id) == {}
        assert projects_to_adjust(session) == []  # the second has no version yet
        add_version(session, second, [0.8]).folder = ""
        session.flush()
        assert projects_to_adjust(session) == []


def test_a_float32_of_the_same_threshold_is_the_same(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat")
        version = add_version(session, project, [0.30000001192092896], learned=[0.8])
        set_threshold(session, live_labels(session, project.id)[0], 0.3, "ann")
        assert are_in_force(version, held_thresholds(session, project.id))


def test_of_two_records_of_one_project_the_kept_ones_threshold_holds(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        kept, double = (make_project(session, "cat, dog", title=title) for title in ("Kept", "Double"))
        for project, cat, dog in ((kept, 0.25, None), (double, 0.75, 0.5)):
            labels = live_labels(session, project.id)
            set_threshold(session, labels[0], cat, "ann")
            if dog is not None:
                set_threshold(session, labels[1], dog, "ann")
        merge_projects(session, kept.id, double.id)
        names = dict(session.execute(select(Label.id, Label.name)).all())
        held = held_thresholds(session, kept.id)
        assert {names[label]: each.value for label, each in held.items()} == {"cat": 0.25, "dog": 0.5}
