"""What people say is known at once, and only what they spoke of is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from sqlalchemy.orm import Session

from annotator.dashboard.catalog import said_so_far
from annotator.dashboard.catalog.said_so_far import SaidSoFar, changes, read, read_again
from annotator.dashboard.catalog.whole_images import Pool, live_ids
from annotator.store import (
    Annotation,
    Observation,
    Project,
    Store,
    live_labels,
    retire_annotation,
    sync_images,
)
from annotator.store.page_answers import ImageAnswer, record_answer, undo_answer
from annotator.store.said import said
from tests.annotator.conftest import NOON

Annotate = Callable[..., Annotation | None]
Act = Callable[[Session, Project], object]


@pytest.fixture
def project(store: Store, make_project: Callable[..., Project], annotate: Annotate) -> Project:
    """Eight images, five of them answered by one or by both of two people."""
    with store.session() as session:
        made = make_project(session, images=8)
        for number, task in enumerate((101, 102, 103, 104, 105, 101, 102)):
            who = "ann" if number < 5 else "bob"
            annotate(session, made, "cat", "-dog", task=task, number=number, annotator=who)
    return made


@pytest.fixture
def only_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read anew as a whole."""

    def refused(*_: object) -> None:
        raise AssertionError("everything was read again")

    monkeypatch.setattr(said_so_far, "read", refused)


def look(session: Session, project: Project, before: SaidSoFar | None) -> SaidSoFar:
    pool = Pool(session, project.id, live_ids(session, project.id))
    labels = [label.id for label in live_labels(session, project.id)]
    if before is None:
        return read(pool, labels, changes(pool))
    return read_again(pool, labels, changes(pool), before)


def acts(annotate: Annotate) -> Iterator[tuple[str, Act]]:
    yield "a first answer", lambda s, p: annotate(s, p, "tree", task=108, number=20, annotator="ann")
    yield (
        "another revision",
        lambda s, p: annotate(s, p, "-cat", task=101, number=0, annotator="ann", second=9),
    )
    yield "a deletion", lambda s, p: retire_annotation(s, p, 3, NOON)
    yield (
        "a second answer of one person",
        lambda s, p: annotate(s, p, "-cat", task=105, number=21, annotator="ann", second=10),
    )
    yield (
        "the older of two again",
        lambda s, p: annotate(s, p, "cat", "-dog", task=105, number=4, annotator="ann", second=11),
    )


def test_each_change_is_known_and_no_other_image_is_read(
    store: Store, project: Project, annotate: Annotate, only_few: None
) -> None:
    with store.reading() as session:
        so_far = look(session, project, None)
    for what, act in acts(annotate):
        with store.session() as session:
            act(session, session.get_one(Project, project.id))
        with store.reading() as session:
            so_far = look(session, project, so_far)
            everything = said(session, so_far.label_ids, so_far.image_ids)
        np.testing.assert_array_equal(so_far.said.values, everything.values, what)
        np.testing.assert_array_equal(so_far.said.tied, everything.tied, what)


def test_an_answer_on_the_page_and_its_undoing_are_known(
    store: Store, project: Project, only_few: None
) -> None:
    with store.reading() as session:
        so_far = look(session, project, None)
    image, label = int(so_far.image_ids[0]), so_far.label_ids[0]
    before = so_far.said.values[0, 0]
    with store.session() as session:
        ours = session.get_one(Project, project.id)
        record_answer(session, ours, "Lou", [ImageAnswer(image, [], [label])], version=None)
        record_answer(session, ours, "Kim", [ImageAnswer(image, [], [label])], version=None)
        record_answer(session, ours, "Max", [ImageAnswer(image, [], [label])], version=None)
    with store.reading() as session:
        so_far = look(session, project, so_far)
    assert (before, so_far.said.values[0, 0]) == (1, -1)
    for who in ("Lou", "Kim", "Max"):
        with store.session() as session:
            undo_answer(session, session.get_one(Project, project.id), who)
    with store.reading() as session:
        so_far = look(session, project, so_far)
    assert so_far.said.values[0, 0] == before


def test_observations_made_anew_of_the_same_answer_are_known(
    store: Store, project: Project, only_few: None
) -> None:
    with store.reading() as session:
        so_far = look(session, project, None)
    with store.session() as session:
        old = session.query(Observation).filter(Observation.image_id == int(so_far.image_ids[4])).first()
        assert old is not None
        old.retired_at = NOON
        session.flush()
        session.query(Observation).filter(Observation.id == old.id).update({"annotation_id": None})
        session.add(
            Observation(
                annotation_id=session.query(Annotation).filter(Annotation.image_id == old.image_id).one().id,
                image_id=old.image_id,
                label_id=old.label_id,
                value=-old.value,
                source=old.source,
                annotator=old.annotator,
            )
        )
    with store.reading() as session:
        again = look(session, project, so_far)
    column = so_far.label_ids.index(old.label_id)
    assert again.said.values[4, column] == -so_far.said.values[4, column] != 0


def test_another_image_makes_everything_read(store: Store, project: Project, annotate: Annotate) -> None:
    with store.reading() as session:
        so_far = look(session, project, None)
    with store.session() as session:
        ours = session.get_one(Project, project.id)
        sync_images(session, ours.id, {950: "/data/950.jpg"})
        annotate(session, ours, "tree", task=950, number=30)
    with store.reading() as session:
        so_far = look(session, project, so_far)
        everything = said(session, so_far.label_ids, so_far.image_ids)
    assert len(so_far.image_ids) == 9
    np.testing.assert_array_equal(so_far.said.values, everything.values)
