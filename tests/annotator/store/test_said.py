"""What people say of some labels is what the observed matrix says of them."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Claim,
    Project,
    Store,
    follow_file,
    live_image_ids,
    live_labels,
    observed_matrix,
    open_import,
    remove_images,
    retire_annotation,
    sync_labels,
)
from annotator.store.said import said
from tests.annotator.conftest import NOON

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]

LABELS = "cat, dog, tree, bird"
IMAGES = 12


@pytest.mark.parametrize("few", [0, 500], ids=["by label", "by image"])
@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_the_observed_matrix(
    store: Store,
    make_project: MakeProject,
    annotate: Annotate,
    seed: int,
    few: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("annotator.store.said.FEW", few)
    with store.session() as session:
        project = make_project(session, LABELS, images=IMAGES)
        make_project(session, LABELS, images=3, title="Plants")
        told_at_random(session, project, annotate, np.random.default_rng(seed))
        matrix = observed_matrix(session, project.id)
        image_ids, label_ids = np.array(matrix.image_ids), matrix.label_ids
        of_all = said(session, label_ids, image_ids)
        one_by_one = [said(session, [label], image_ids) for label in label_ids]
        of_few = said(session, label_ids[::-1], image_ids[2:5])
    assert np.array_equal(of_all.values, matrix.values)
    assert of_all.tied.sum() == matrix.conflicts
    assert not of_all.values[of_all.tied].any()
    assert np.array_equal(np.hstack([each.values for each in one_by_one]), matrix.values)
    assert np.array_equal(np.hstack([each.tied for each in one_by_one]), of_all.tied)
    assert np.array_equal(of_few.values, matrix.values[2:5, ::-1])


def told_at_random(
    session: Session, project: Project, annotate: Annotate, random: np.random.Generator
) -> None:
    """Annotators who agree or not, ground truth, files, and what is retired, removed or archived."""
    names = LABELS.split(", ")
    for number in range(40):
        chosen = random.choice(names, size=random.integers(1, 4), replace=False)
        signs = ["" if positive else "-" for positive in random.random(len(chosen)) < 0.5]
        annotate(
            session,
            project,
            *(f"{sign}{name}" for sign, name in zip(signs, chosen, strict=True)),
            task=101 + int(random.integers(IMAGES)),
            number=number,
            annotator=f"annotator {number % 4}",
            ground_truth=bool(random.random() < 0.1),
        )
    for name in ("/a.csv", "/b.csv"):
        record = open_import(session, project.id, name=name, form="csv", claim=Claim.COMPLETE, digest=name)
        stated = random.integers(-1, 2, size=(IMAGES, len(names))).astype(np.int8)
        images = live_image_ids(session, project.id)
        follow_file(
            session, [record.id], images, [label.id for label in live_labels(session, project.id)], stated
        )
    for number in random.choice(40, size=6, replace=False):
        retire_annotation(session, project, int(number), NOON)
    remove_images(session, project.id, [103])
    sync_labels(session, project, ["bird", "cat", "tree"])


def test_images_that_are_not_asked_for_count_for_nothing(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=3)
        annotate(session, project, "cat", task=103)
        label_ids = [label.id for label in live_labels(session, project.id)]
        image_ids = np.array(live_image_ids(session, project.id))
        assert said(session, label_ids, image_ids[:2]).values.tolist() == [[0, 0], [0, 0]]
        assert said(session, label_ids, image_ids[2:]).values.tolist() == [[1, 0]]


@pytest.mark.parametrize(("labels", "images"), [([], [1, 2]), ([1], []), ([], [])])
def test_of_nothing_nothing_is_said(store: Store, labels: Sequence[int], images: Sequence[int]) -> None:
    with store.reading() as session:
        found = said(session, labels, np.array(images, dtype=np.int64))
    assert found.values.shape == found.tied.shape == (len(images), len(labels))
