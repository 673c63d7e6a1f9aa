"""Answers on the page: who says what of which images at once, what that replaces, and taking it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.store import (
    Annotation,
    Image,
    Label,
    ModelVersion,
    Observation,
    PageAnnotation,
    Project,
    Source,
    Store,
    observed_matrix,
    remove_images,
    store_vectors,
    suggestion_feedback,
)
from annotator.store.costs import costs
from annotator.store.page_answers import MOST_IMAGES, ImageAnswer, newest_answer, record_answer, undo_answer
from annotator.store.states import Telling
from model_backend.training.positives import expected_positives

Make = Callable[..., Project]
Said = dict[tuple[int, str], int]


@pytest.fixture
def project(store: Store, make_project: Make) -> Project:
    with store.session() as session:
        return make_project(session, "cat, dog, tree", images=4)


def ids(session: Session, project: Project) -> tuple[list[int], dict[str, int]]:
    images = session.scalars(select(Image.id).where(Image.project_id == project.id).order_by(Image.id))
    labels = session.execute(select(Label.name, Label.id).where(Label.project_id == project.id))
    return list(images), dict(labels.all())


def say(
    store: Store, project: Project, who: str, images: Sequence[int], **said: str
) -> tuple[int, int, int, int]:
    """Answer the images at these places; returns how many changed, were known, were gone."""
    with store.session() as session:
        known, labels = ids(session, project)
        answer = {key: [labels[name] for name in value.split()] for key, value in said.items()}
        got = record_answer(
            session, project, who, [ImageAnswer(known[place], **answer) for place in images], version="v1"
        )
        return got.answer_id or 0, len(got.images), got.known, got.gone


def undo(store: Store, project: Project, who: str) -> int | None:
    with store.session() as session:
        done = undo_answer(session, project, who)
        return None if done is None else len(done.images)


def said_by(store: Store, project: Project, who: str) -> Said:
    """What one person says now, by place of the image and label."""
    with store.reading() as session:
        images, _ = ids(session, project)
        chosen = (
            select(Observation.image_id, Label.name, Observation.value)
            .join(Label, Label.id == Observation.label_id)
            .where(Observation.annotator == who, Observation.retired_at.is_(None))
        )
        rows = session.execute(chosen).all()
        assert len({row[:2] for row in rows}) == len(rows)
        return {(images.index(image), name): value for image, name, value in rows}


def test_an_answer_says_something_of_its_labels_and_nothing_of_any_other(
    store: Store, project: Project
) -> None:
    say(store, project, "ann", [0], present="cat", absent="dog")
    assert said_by(store, project, "ann") == {(0, "cat"): 1, (0, "dog"): -1}
    with store.reading() as session:
        observations = session.scalars(select(Observation)).all()
        assert {each.source for each in observations} == {Source.PAGE}
        annotation = session.scalars(select(Annotation)).one()
        assert (annotation.annotator, annotation.skipped, annotation.studio_annotation) == (
            "ann",
            False,
            None,
        )


def test_many_images_are_one_answer(store: Store, project: Project) -> None:
    answer, *counts = say(store, project, "ann", [0, 1, 2, 3], absent="cat")
    assert counts == [4, 0, 0]
    with store.reading() as session:
        assert set(session.scalars(select(Annotation.page_answer_id))) == {answer}
    assert said_by(store, project, "ann") == {(place, "cat"): -1 for place in range(4)}


def test_a_label_that_is_not_named_keeps_what_the_person_said_before(store: Store, project: Project) -> None:
    say(store, project, "ann", [0, 1], present="cat")
    say(store, project, "ann", [0], absent="cat", present="dog")
    expected = {(0, "cat"): -1, (0, "dog"): 1, (1, "cat"): 1}
    assert said_by(store, project, "ann") == expected


def test_nothing_is_overwritten(store: Store, project: Project) -> None:
    say(store, project, "ann", [0], present="cat")
    say(store, project, "ann", [0], absent="cat")
    with store.reading() as session:
        revisions = session.scalars(select(Annotation).order_by(Annotation.revision)).all()
        assert [each.retired_at is None for each in revisions] == [False, True]
        values = session.scalars(select(Observation.value).order_by(Observation.id)).all()
        assert values == [1, -1]


def test_two_people_are_two_annotators(store: Store, project: Project) -> None:
    say(store, project, "ann", [0], present="cat")
    say(store, project, "bob", [0], absent="cat")
    assert said_by(store, project, "ann") == {(0, "cat"): 1}
    assert said_by(store, project, "bob") == {(0, "cat"): -1}
    with store.reading() as session:
        assert observed_matrix(session, project.id).conflicts == 1


def test_undoing_brings_back_what_the_annotation_said_before(store: Store, project: Project) -> None:
    say(store, project, "ann", [0], present="cat")
    say(store, project, "ann", [0, 1], absent="cat")
    say(store, project, "ann", [0], present="dog")
    assert undo(store, project, "ann") == 1
    assert said_by(store, project, "ann") == {(0, "cat"): -1, (1, "cat"): -1}
    assert undo(store, project, "ann") == 2
    assert said_by(store, project, "ann") == {(0, "cat"): 1}
    assert undo(store, project, "ann") == 1
    assert said_by(store, project, "ann") == {}
    assert undo(store, project, "ann") is None


def test_one_undoes_ones_own_answers_alone(store: Store, project: Project) -> None:
    say(store, project, "ann", [0], present="cat")
    say(store, project, "bob", [1], present="cat")
    assert undo(store, project, "ann") == 1
    assert said_by(store, project, "bob") == {(1, "cat"): 1}
    assert undo(store, project, "ann") is None


def test_what_was_said_already_is_no_answer(store: Store, project: Project) -> None:
    say(store, project, "ann", [0, 1], present="cat")
    assert say(store, project, "ann", [0, 1], present="cat") == (0, 0, 2, 0)
    assert say(store, project, "ann", [0, 1, 2], present="cat")[1:] == (1, 2, 0)
    assert undo(store, project, "ann") == 1


def test_an_image_that_is_gone_keeps_nobody_from_answering_the_others(store: Store, project: Project) -> None:
    with store.session() as session:
        remove_images(session, project.id, [101])
    assert say(store, project, "ann", [0, 1], present="cat")[1:] == (1, 0, 1)
    assert said_by(store, project, "ann") == {(1, "cat"): 1}


@pytest.mark.parametrize(
    ("images", "said", "told"),
    [
        ([], {"present": "cat"}, "No image"),
        ([0, 0], {"present": "cat"}, "twice"),
        ([0], {}, "no label"),
        ([0], {"present": "cat", "absent": "cat"}, "at once"),
        ([0] * (MOST_IMAGES + 1), {"present": "cat"}, "at most 500"),
    ],
)
def test_an_answer_that_cannot_be_meant_is_refused(
    store: Store, project: Project, images: list[int], said: dict[str, str], told: str
) -> None:
    with pytest.raises(OnetagError, match=told):
        say(store, project, "ann", images, **said)


def test_a_label_that_has_left_is_refused(store: Store, project: Project) -> None:
    with store.session() as session:
        images, labels = ids(session, project)
        with pytest.raises(OnetagError, match="any more"):
            record_answer(
                session, project, "ann", [ImageAnswer(images[0], present=[max(labels.values()) + 1])]
            )


def test_the_version_in_sight_and_its_probability_are_kept(store: Store, project: Project) -> None:
    with store.session() as session:
        images, labels = ids(session, project)
        version = new_version(session, project, labels)
        store_vectors(session, version.id, images[:1], np.array([[0.25, 0.5, 0.75]]))
    say(store, project, "ann", [0, 1], present="dog", absent="tree")
    with store.reading() as session:
        rows = session.execute(select(Observation.suggested_version, Observation.probability))
        assert sorted(rows.all(), key=str) == [("v1", 0.5), ("v1", 0.75), ("v1", None), ("v1", None)]
    say(store, project, "ann", [0], present="tree")
    with store.reading() as session:
        kept = select(Observation.probability).where(
            Observation.label_id == labels["dog"], Observation.retired_at.is_(None)
        )
        assert 0.5 in session.scalars(kept).all()


def new_version(session: Session, project: Project, labels: dict[str, int]) -> ModelVersion:
    version = ModelVersion(
        project_id=project.id,
        name="v1",
        labels=list(labels),
        label_ids=list(labels.values()),
        folder="v1",
        backbone="none",
    )
    session.add(version)
    session.flush()
    return version


def test_it_teaches_absence_and_tells_nothing_of_how_many_labels_an_image_has(
    store: Store, project: Project
) -> None:
    say(store, project, "ann", [0, 1, 2, 3], present="cat", absent="dog tree")
    with store.reading() as session:
        matrix = observed_matrix(session, project.id)
    assert matrix.values.tolist() == [[1, -1, -1]] * 4
    assert matrix.asked is not None
    assert matrix.asked.all()
    told = expected_positives(matrix.values, covered=matrix.covered, asked=matrix.asked)
    assert told == expected_positives(np.zeros_like(matrix.values))


def test_it_calibrates_nothing_and_costs_nothing(store: Store, project: Project) -> None:
    with store.session() as session:
        images, labels = ids(session, project)
        version = new_version(session, project, labels)
        store_vectors(session, version.id, images, np.full((4, 3), 0.9))
    say(store, project, "ann", [0, 1, 2, 3], present="cat", absent="dog tree")
    with store.reading() as session:
        assert len(suggestion_feedback(session, project.id)) == 0
        assert costs(session, project.id).answers == 0


def test_label_studio_is_to_be_told_where_it_has_the_image(store: Store, make_project: Make) -> None:
    with store.session() as session:
        project = make_project(session, "cat", images=1)
        session.add(Image(project_id=project.id, uri="x"))
    say(store, project, "ann", [0, 1], present="cat")
    with store.reading() as session:
        chosen = select(PageAnnotation.telling).order_by(PageAnnotation.image_id)
        assert session.scalars(chosen).all() == [Telling.WAITING, Telling.KEPT]


def test_without_label_studio_the_store_keeps_it_alone(store: Store) -> None:
    with store.session() as session:
        project = Project(title="photos", label_config="<View/>", image_folder="/photos")
        session.add(project)
        session.flush()
        session.add_all(
            [Image(project_id=project.id, uri="x"), Label(project_id=project.id, name="cat", position=0)]
        )
    say(store, project, "ann", [0], present="cat")
    with store.reading() as session:
        assert session.scalars(select(PageAnnotation.telling)).one() is Telling.KEPT


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("ann", "bob")),
            st.sets(st.integers(0, 3), min_size=1),
            st.dictionaries(st.sampled_from(("cat", "dog", "tree")), st.sampled_from((1, -1))),
        ),
        max_size=12,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_said_and_taken_back_it_is_as_in_a_naive_model(
    sqlite_store: Store, make_project: Make, steps: list[tuple[str, set[int], dict[str, int]]]
) -> None:
    """A step without labels takes back. Each person's states are a stack of plain dictionaries."""
    with sqlite_store.session() as session:
        count = len(session.scalars(select(Project.id)).all())
        project = make_project(session, "cat, dog, tree", images=4, title=f"Pets {count}")
    stacks: dict[str, list[Said]] = {"ann": [{}], "bob": [{}]}
    for who, images, values in steps:
        stack = stacks[who]
        if not values:
            undo(sqlite_store, project, who)
            stacks[who] = stack[:-1] or [{}]
            continue
        said = {"present": "", "absent": ""}
        for name, value in values.items():
            said["present" if value > 0 else "absent"] += f" {name}"
        answer, *_ = say(sqlite_store, project, who, sorted(images), **said)
        now = stack[-1] | {(place, name): value for place in images for name, value in values.items()}
        assert bool(answer) == (now != stack[-1])
        if answer:
            stack.append(now)
    for who, stack in stacks.items():
        with sqlite_store.reading() as session:
            images_of, _ = ids(session, project)
            chosen = select(Observation).where(
                Observation.annotator == who,
                Observation.retired_at.is_(None),
                Observation.image_id.in_(images_of),
            )
            names = dict(session.execute(select(Label.id, Label.name)).all())
            found = {
                (images_of.index(each.image_id), names[each.label_id]): each.value
                for each in session.scalars(chosen)
            }
            newest = newest_answer(session, project.id, who)
        assert found == stack[-1]
        assert (newest is None) == (len(stack) == 1)
