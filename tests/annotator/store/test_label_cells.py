"""Some images, with what people and a version say of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Image,
    ModelVersion,
    Project,
    Store,
    live_labels,
    remove_images,
    store_vectors,
    sync_labels,
)
from annotator.store import label_cells as module
from annotator.store.label_cells import complete_reviews, label_cells, unknown_estimates
from annotator.store.states import Review
from annotator.store.vectors import load_column

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


def add_version(
    session: Session, project: Project, probabilities: list[list[float]], name: str = "v0001"
) -> ModelVersion:
    """A version of the project's labels with a vector for its first images."""
    labels = live_labels(session, project.id)
    version = ModelVersion(
        project_id=project.id,
        name=name,
        labels=[label.name for label in labels],
        label_ids=[label.id for label in labels],
        folder="",
        backbone="none",
        thresholds=[0.5] * len(labels),
    )
    session.add(version)
    session.flush()
    images = session.scalars(select(Image.id).where(Image.project_id == project.id).order_by(Image.id)).all()
    store_vectors(
        session, version.id, images[: len(probabilities)], np.array(probabilities, dtype=np.float32)
    )
    return version


def test_people_and_version_are_told_apart_and_what_is_missing_is_nan(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        version = add_version(session, project, [[0.25, 0.5], [0.75, 1.0]])
        annotate(session, project, "cat", "-dog", task=101, number=1)
        sync_labels(session, project, ["dog", "bird", "cat"])  # another order, and one that it does not know
        cells = label_cells(session, project.id, live_labels(session, project.id), version)
    assert cells.values.tolist() == [[-1, 0, 1], [0, 0, 0], [0, 0, 0]]
    expected = [[0.5, np.nan, 0.25], [1.0, np.nan, 0.75], [np.nan] * 3]
    np.testing.assert_array_equal(cells.probabilities, np.array(expected, dtype=np.float32))
    assert not cells.sampled


def test_of_many_images_some_are_looked_at_the_same_each_time(
    store: Store, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_IMAGES", 5)
    with store.session() as session:
        project = make_project(session, "cat", images=20)
        version = add_version(session, project, [[place / 32] for place in range(20)])
        labels = live_labels(session, project.id)
        cells, again = (label_cells(session, project.id, labels, version) for _ in range(2))
    assert 2 <= len(cells.values) <= 8
    assert (cells.images, cells.sampled) == (20, True)
    assert cells.probabilities.tolist() == again.probabilities.tolist()


def test_without_a_version_nothing_is_estimated(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat", images=2)
        labels = live_labels(session, project.id)
        assert np.isnan(label_cells(session, project.id, labels, None).probabilities).all()
        assert len(unknown_estimates(session, labels[0], None)) == 0


def test_a_column_holds_the_live_images_alone(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        version = add_version(session, project, [[0.25, 0.5], [0.75, 1.0], [0.0, 0.125]])
        remove_images(session, project.id, [102])
        ids, chances = load_column(session, version.id, 1)
        assert chances.tolist() == [0.5, 0.125]
        assert ids.tolist() == sorted(
            session.scalars(select(Image.id).where(Image.removed_at.is_(None))).all()
        )


def test_unknown_estimates_leave_out_what_somebody_spoke_of(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        version = add_version(session, project, [[0.25, 0.5], [0.75, 1.0], [0.125, 0.0]])
        annotate(session, project, "-cat", task=102, number=1)
        annotate(session, project, "dog", task=103, number=2)
        cat = live_labels(session, project.id)[0]
        assert unknown_estimates(session, cat, version).tolist() == [0.25, 0.125]


def test_complete_reviews_come_with_what_the_version_shown_had_said(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=4)
        add_version(session, project, [[0.25, 0.5]] * 4, "v0001")
        add_version(session, project, [[0.75, 1.0]] * 4, "v0002")
        whole = {"review": Review.ALL_LABELS}
        annotate(session, project, "cat", "-dog", task=101, number=1, suggested_version="v0001", **whole)
        annotate(session, project, "-cat", "-dog", task=102, number=2, suggested_version="v0002", **whole)
        annotate(session, project, "-cat", "dog", task=103, number=3, suggested_version=None, **whole)
        annotate(session, project, "cat", task=104, number=4, suggested_version="v0002")
        reviews = complete_reviews(session, project.id, live_labels(session, project.id), share=0.0)
    assert reviews.values.tolist() == [[1, -1], [-1, -1], [-1, 1]]
    expected = [[0.25, 0.5], [0.75, 1.0], [np.nan, np.nan]]
    np.testing.assert_array_equal(reviews.said, np.array(expected, dtype=np.float32))
    assert not reviews.drawn.any()
    assert reviews.of(np.array([False, True, False])).values.tolist() == [[-1, -1]]
