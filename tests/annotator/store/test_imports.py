"""What files say, compared with what they said before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.store import (
    Claim,
    Image,
    Import,
    Label,
    Observation,
    Project,
    Source,
    Store,
    finish_import,
    follow_file,
    forget_images,
    imports_of,
    open_import,
)
from annotator.store.types import utc_now

MakeProject = Callable[..., Project]


def opened(
    session: Session, project: Project, name: str = "/a.csv", digest: str = "1", **more: object
) -> Import:
    values: dict[str, object] = {"form": "csv", "claim": Claim.POSITIVE, "name": name, "digest": digest}
    return open_import(session, project.id, **(values | more))  # type: ignore[arg-type]


def ids(session: Session) -> tuple[list[int], list[int]]:
    return list(session.scalars(select(Image.id).order_by(Image.id))), list(
        session.scalars(select(Label.id).order_by(Label.id))
    )


def test_an_import_that_says_the_same_is_the_same_import(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        first = opened(session, project)
        assert opened(session, project) is first
        assert opened(session, project, digest="2") is not first
        assert opened(session, project, digest="2", claim=Claim.COMPLETE).claim is Claim.COMPLETE
        assert opened(session, project, digest="2").claim is Claim.POSITIVE
        assert session.scalar(select(func.count(Import.id))) == 4
        assert [each.digest for each in imports_of(session, project.id, "/a.csv", "?")] == [
            "1",
            "2",
            "2",
            "2",
        ]


def test_a_file_under_a_new_name_is_known_by_what_it_said_last(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session)
        first = opened(session, project, digest="1")
        second = opened(session, project, digest="2")
        assert opened(session, project, name="/b.csv", digest="1") not in (first, second)
        assert opened(session, project, name="/c.csv", digest="2") is second
        assert first.name == second.name == "/c.csv"
        assert imports_of(session, project.id, "/c.csv", "?") == [first, second]


def test_imports_of_another_project_are_others(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        one, other = make_project(session), make_project(session, title="Other")
        assert opened(session, one) is not opened(session, other)


def test_only_what_differs_is_written(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        images, labels = ids(session)
        record = opened(session, project)
        values = np.array([[1, 0, -1], [0, 0, 0], [1, 1, 1]], dtype=np.int8)
        changes = follow_file(session, [record.id], images, labels, values)
        assert (changes.present, changes.absent, changes.standing, changes.retired) == (4, 1, 0, 0)
        values[0, 0], values[1, 1] = -1, 1
        counted = follow_file(session, [record.id], images, labels, values, write=False)
        assert session.scalar(select(func.count(Observation.id))) == 5
        changes = follow_file(session, [record.id], images, labels, values)
        assert counted == changes
        assert (changes.present, changes.absent, changes.standing, changes.retired) == (1, 1, 4, 1)
        changes = follow_file(session, [record.id], images[:1], labels[1:], values[:1, 1:])
        assert (changes.standing, changes.retired) == (1, 1), "a label that the file cannot name any more"
        found = session.scalars(select(Observation)).all()
    assert {each.source for each in found} == {Source.IMPORTED}
    assert all(before <= utc_now() for before in (each.created_at for each in found))


def test_a_cell_is_observed_once_by_an_import(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session)
        images, labels = ids(session)
        record = opened(session, project)
        follow_file(session, [record.id], images[:1], labels[:1], np.ones((1, 1), dtype=np.int8))
        again = insert(Observation).values(
            import_id=record.id, image_id=images[0], label_id=labels[0], value=-1, source=Source.IMPORTED
        )
        with session.begin_nested() as attempt:
            with pytest.raises(IntegrityError):
                session.execute(again)
            attempt.rollback()


def test_images_that_a_file_does_not_name_any_more_lose_what_it_said(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session)
        images, labels = ids(session)
        mine, other = opened(session, project), opened(session, project, name="/b.csv", digest="9")
        for record in (mine, other):
            follow_file(session, [record.id], images, labels, np.ones((3, 3), dtype=np.int8))
        session.get_one(Image, images[2]).removed_at = utc_now()
        session.flush()
        assert forget_images(session, project.id, [mine.id], {images[0]}, write=False) == 3
        assert forget_images(session, project.id, [mine.id], {images[0]}) == 3
        assert forget_images(session, project.id, [mine.id], {images[0]}) == 0
        live = select(func.count(Observation.id)).where(Observation.retired_at.is_(None))
        assert session.scalar(live.where(Observation.import_id == mine.id)) == 6, (
            "a removed image keeps its own"
        )
        assert session.scalar(live.where(Observation.import_id == other.id)) == 9
        assert forget_images(session, project.id, [], set()) == 0


def test_an_import_knows_when_it_ended(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        record = opened(session, make_project(session))
        ended = select(Import.finished_at).where(Import.id == record.id)
        assert session.scalar(ended) is None
        finish_import(session, record.id)
        session.flush()
        assert (session.scalar(ended) or record.started_at) > record.started_at
