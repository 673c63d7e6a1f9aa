"""Counts by label are those of the observed matrix, however a label became known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.store import (
    Annotation,
    Claim,
    Image,
    Import,
    Label,
    Observation,
    Project,
    Source,
    Store,
    live_labels,
    observed_matrix,
    remove_images,
    sync_labels,
)
from annotator.store.label_counts import LabelCount, label_counts

Annotate = Callable[..., Annotation | None]
MakeProject = Callable[..., Project]


def by_name(session: Session, project: Project) -> dict[str, LabelCount]:
    names = dict(session.execute(select(Label.id, Label.name)).all())
    return {names[label]: count for label, count in label_counts(session, project.id).items()}


def read_file(session: Session, project: Project, *, name: str, said: dict[str, dict[str, int]]) -> None:
    """What a file of labels says: +1 or -1 of labels, by image."""
    made = Import(project_id=project.id, name=name, format="csv", claim=Claim.VERIFIED, digest="0" * 64)
    session.add(made)
    session.flush()
    labels = {label.name: label.id for label in live_labels(session, project.id)}
    of_project = select(Image).where(Image.project_id == project.id)
    images = {image.uri: image.id for image in session.scalars(of_project)}
    for uri, values in said.items():
        for label, value in values.items():
            session.add(
                Observation(
                    import_id=made.id,
                    image_id=images[f"/data/upload/7/{uri}.jpg"],
                    label_id=labels[label],
                    value=value,
                    source=Source.IMPORTED,
                )
            )
    session.flush()


def test_each_label_is_counted_by_what_was_said(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=3)
        annotate(session, project, "cat", "-dog", task=101, number=1)
        annotate(session, project, "cat", task=102, number=2)
        assert by_name(session, project) == {
            "cat": LabelCount(present=2),
            "dog": LabelCount(absent=1),
            "tree": LabelCount(),
        }


def test_of_several_annotators_the_majority_counts_and_a_tie_is_no_word(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=1)
        for number, said in enumerate((("cat", "dog"), ("cat", "-dog"), ("-cat",)), 1):
            annotate(session, project, *said, number=number, annotator=f"{number}@example.com")
        assert by_name(session, project) == {"cat": LabelCount(present=1), "dog": LabelCount(tied=1)}


def test_ground_truth_outvotes_and_a_file_never_overrules_a_person(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog", images=2)
        annotate(session, project, "cat", number=1, annotator="a@example.com")
        annotate(session, project, "cat", number=2, annotator="b@example.com")
        annotate(session, project, "-cat", number=3, annotator="c@example.com", ground_truth=True)
        read_file(
            session, project, name="a.csv", said={"1": {"cat": 1, "dog": 1}, "2": {"cat": 1, "dog": -1}}
        )
        assert by_name(session, project) == {
            "cat": LabelCount(present=1, absent=1),
            "dog": LabelCount(present=1, absent=1),
        }


def test_removed_images_archived_labels_and_earlier_revisions_do_not_count(
    store: Store, make_project: MakeProject, annotate: Annotate
) -> None:
    with store.session() as session:
        project = make_project(session, "cat, dog, tree", images=2)
        annotate(session, project, "cat", "tree", task=101, number=1)
        annotate(session, project, "cat", task=102, number=2)
        annotate(session, project, "dog", task=102, number=2, second=5)
        remove_images(session, project.id, [101])
        sync_labels(session, project, ["cat", "dog"])
        assert by_name(session, project) == {"cat": LabelCount(), "dog": LabelCount(present=1)}


@pytest.mark.parametrize("seed", range(3))
def test_it_says_what_the_observed_matrix_says(
    store: Store, make_project: MakeProject, annotate: Annotate, seed: int
) -> None:
    random = np.random.default_rng(seed)
    names = ["cat", "dog", "tree", "boat"]
    with store.session() as session:
        project = make_project(session, ", ".join(names), images=12)
        other = make_project(session, ", ".join(names), images=1, title="Others")
        annotate(session, other, "cat", number=1)
        for number in range(1, 31):
            signs = random.integers(-1, 2, len(names))
            said = [("" if sign > 0 else "-") + name for name, sign in zip(names, signs, strict=True) if sign]
            annotate(
                session,
                project,
                *said,
                task=101 + int(random.integers(12)),
                number=number,
                annotator=f"{random.integers(4)}@example.com",
                ground_truth=bool(random.random() < 0.1),
            )
        for name in ("a.csv", "b.csv"):
            told = {
                str(image): {str(random.choice(names)): int(random.choice([-1, 1]))}
                for image in random.choice(np.arange(1, 13), 5, replace=False)
            }
            read_file(session, project, name=name, said=told)
        remove_images(session, project.id, [103])
        matrix = observed_matrix(session, project.id)
        counted = label_counts(session, project.id)
    for column, label in enumerate(matrix.label_ids):
        count = counted[label]
        values = matrix.values[:, column]
        assert (count.present, count.absent) == ((values > 0).sum(), (values < 0).sum())
    assert sum(count.tied for count in counted.values()) == matrix.conflicts
