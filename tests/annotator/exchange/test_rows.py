"""The rows of an export: a person's word beats a guess, and unknown stays unknown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.exchange import Split, Values
from annotator.exchange.rows import ExportRow, RowChoices, label_vectors_for_export
from annotator.store import (
    Annotation,
    ModelVersion,
    Project,
    Store,
    live_image_ids,
    live_labels,
    remove_images,
    store_vectors,
    sync_images,
    sync_labels,
)

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


def guess(session: Session, project: Project, probabilities: list[list[float]]) -> ModelVersion:
    """A version whose vectors are these, for the first images of the project."""
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id,
        name="v0001",
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder="v0001",
        backbone="handcrafted",
    )
    session.add(version)
    session.flush()
    image_ids = live_image_ids(session, project.id)[: len(probabilities)]
    store_vectors(session, version.id, image_ids, np.array(probabilities))
    return version


def rows(session: Session, project: Project, version: ModelVersion | None = None) -> list[ExportRow]:
    return list(label_vectors_for_export(session, project.id, RowChoices(version)))


def test_a_persons_word_is_0_or_1_and_a_guess_lies_between(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        version = guess(session, project, [[0.25, 0.5, 0.75], [0, 1, 0.5]])
        annotate(session, project, "cat", "-tree")
        first, second = rows(session, project, version)
    assert (first.image, first.task, first.version) == ("upload/7/1.jpg", 101, "v0001")
    assert first.address == "/data/upload/7/1.jpg"
    assert first.observed.tolist() == [1, 0, -1]
    assert first.human.tolist() == [True, False, True]
    assert first.values.tolist() == [1, 0.5, 0]
    assert not second.human.any()
    assert ((second.values > 0) & (second.values < 1)).all()
    np.testing.assert_allclose(second.values, [0, 1, 0.5], atol=2e-4)


def test_without_a_version_what_nobody_said_is_unknown(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        annotate(session, project, "-cat")
        first, second = rows(session, project)
    np.testing.assert_array_equal(first.values, [0, np.nan, np.nan])
    np.testing.assert_array_equal(second.values, [np.nan] * 3)
    assert first.version is None


def test_a_tie_is_not_a_persons_word(store: Store, make_project: MakeProject, annotate: Annotate) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        version = guess(session, project, [[0.25, 0.5, 0.75]])
        annotate(session, project, "cat", number=1)
        annotate(session, project, "-cat", number=2, annotator="bob@example.com")
        (row,) = rows(session, project, version)
    assert not row.human.any()
    assert row.values.tolist() == [0.25, 0.5, 0.75]


def test_a_label_younger_than_the_version_is_unknown_and_an_archived_one_is_gone(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=1)
        version = guess(session, project, [[0.25, 0.5, 0.75]])
        sync_labels(session, project, ["tree", "bird", "cat"])
        (row,) = rows(session, project, version)
    np.testing.assert_array_equal(row.values, [0.75, np.nan, 0.25])


def test_an_image_younger_than_the_version_has_no_guess_and_names_no_version(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        version = guess(session, project, [[0.25, 0.5, 0.75]])
        old, new = rows(session, project, version)
    assert (old.version, new.version) == ("v0001", None)
    assert np.isnan(new.values).all()


def test_every_live_image_once_across_the_pieces_that_are_read(
    store: Store, make_project: MakeProject, annotate: Annotate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.exchange.rows.IMAGES_AT_ONCE", 3)
    with store.session() as session:
        project, other = make_project(session, images=4), make_project(session, images=2, title="Plants")
        sync_images(session, project.id, {task: f"/{task}" for task in range(200, 206)})
        remove_images(session, project.id, [102, 201])
        version = guess(session, project, [[0.5] * 3] * 8)
        annotate(session, project, "cat", task=205)
        found = rows(session, project, version)
        assert [row.task for row in found] == [101, 103, 104, 200, 202, 203, 204, 205]
        assert [row.observed.tolist() for row in found] == [[0, 0, 0]] * 7 + [[1, 0, 0]]
        assert all(row.version == "v0001" for row in found)
        assert len(rows(session, other)) == 2


def test_a_decision_is_a_persons_or_the_versions_at_its_threshold(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        version = guess(session, project, [[0.1, 0.1, 0.9], [0.9, 0.5, 0.1]])
        version.thresholds = [0.8, 0.8, 0.8]
        annotate(session, project, "cat", "-tree")
        first, second = rows(session, project, version)
    assert first.decisions.tolist() == [1, -1, -1]
    assert second.decisions.tolist() == [1, 0, -1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [("probabilities", [1, 0.5, 0.125]), ("hard", [1, np.nan, 0]), ("human", [1, np.nan, np.nan])],
)
def test_values_are_chosen_and_the_mask_stays(
    store: Store, make_project: MakeProject, annotate: Annotate, values: str, expected: list[float]
) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        version = guess(session, project, [[0.25, 0.5, 0.125]])
        version.thresholds = [0.8, 0.8, 0.8]
        annotate(session, project, "cat")
        (row,) = label_vectors_for_export(session, project.id, RowChoices(version, Values(values)))
    np.testing.assert_array_equal(row.values, expected)
    assert row.human.tolist() == [True, False, False]
    assert row.decisions.tolist() == [1, 0, -1]


def test_no_image_changes_sides_when_others_come_or_go(store: Store, make_project: MakeProject) -> None:
    choices = RowChoices(split=Split(0.7, seed=3))
    with store.session() as session:
        project = make_project(session, images=40)
        before = {row.task: row.split for row in label_vectors_for_export(session, project.id, choices)}
        remove_images(session, project.id, [101, 120])
        sync_images(session, project.id, {task: f"/{task}" for task in range(300, 340)})
        after = {row.task: row.split for row in label_vectors_for_export(session, project.id, choices)}
    assert set(before.values()) == {"train", "validation"}
    assert all(after[task] == side for task, side in before.items() if task not in (101, 120))
