"""The images follow the tasks; what is removed keeps its history."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from annotator.addresses import resolve_address
from annotator.store import (
    Annotation,
    Image,
    ImageChanges,
    Project,
    Store,
    Unusable,
    live_image_ids,
    remove_images,
    sync_images,
    unanswered_images,
)

MakeProject = Callable[..., Project]


def test_every_task_becomes_an_image_once(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=0)
        tasks = {1: "/data/a.jpg", 2: "/data/b.jpg"}
        assert sync_images(session, project.id, tasks) == ImageChanges(added=2)
        assert not sync_images(session, project.id, tasks)
        assert len(live_image_ids(session, project.id)) == 2


def test_another_picture_in_a_task_makes_what_was_known_of_it_void(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        image = session.scalars(select(Image)).one()
        image.digest, image.width, image.height, image.problem = "abc", 3, 2, "cut off"
        session.flush()
        assert sync_images(session, project.id, {101: "/data/other.jpg"}) == ImageChanges(changed=1)
        session.refresh(image)
        assert image.uri == "/data/other.jpg"
        assert {image.digest, image.width, image.height, image.problem} == {None}


def test_only_a_complete_list_removes(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        kept = {101: "/data/upload/7/1.jpg"}
        assert not sync_images(session, project.id, kept)
        assert sync_images(session, project.id, kept, complete=True) == ImageChanges(removed=2)
        assert len(live_image_ids(session, project.id)) == 1
        back = {102: "/data/upload/7/2.jpg"}
        assert sync_images(session, project.id, back) == ImageChanges(restored=1)
        assert len(session.scalars(select(Image)).all()) == 3


def test_deleted_tasks_remove_their_images_once(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=3)
        assert remove_images(session, project.id, [101, 103, 999]) == 2
        assert remove_images(session, project.id, [101]) == 0


def test_more_images_than_one_statement_takes(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=0)
        sync_images(session, project.id, {task: f"/{task}" for task in range(12_001)})
        assert sync_images(session, project.id, {5: "/5"}, complete=True).removed == 12_000


def test_an_image_waits_until_it_is_answered_or_skipped(
    store: Store, make_project: MakeProject, annotate: Callable[..., Annotation | None]
) -> None:
    with store.session() as session:
        project = make_project(session, images=5)
        session.add(Image(project_id=project.id, uri="no task"))
        first = live_image_ids(session, project.id)[0]
        annotate(session, project, "cat", task=102, number=1)
        annotate(session, project, skipped=True, task=103, number=2)
        remove_images(session, project.id, [104])
        assert unanswered_images(session, project.id) == [first, first + 4]


def test_a_task_that_names_no_image_is_kept_with_the_reason(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=1)
        assert sync_images(session, project.id, {}, without={102: "A list."}) == ImageChanges(added=1)
        assert not sync_images(session, project.id, {}, without={102: "A list."})
        image = session.scalars(select(Image).where(Image.studio_task == 102)).one()
        assert (image.uri, image.unusable, image.problem) == ("", Unusable.NO_ADDRESS, "A list.")
        assert image.try_at is None
        assert sync_images(session, project.id, {102: "/data/b.jpg"}) == ImageChanges(changed=1)
        session.refresh(image)
        assert (image.uri, image.unusable, image.problem, image.tries) == ("/data/b.jpg", None, None, 0)
        assert sync_images(session, project.id, {}, without={101: "Empty."}) == ImageChanges(changed=1)


def test_the_objects_own_address_is_kept_beside_label_studios(
    store: Store, make_project: MakeProject
) -> None:
    there = resolve_address(1, "s3://photos/a/cat.jpg")
    with store.session() as session:
        project = make_project(session, images=0)
        sync_images(session, project.id, {1: there, 2: "/data/b.jpg"})
        rows = session.execute(select(Image.uri, Image.object_uri).order_by(Image.studio_task)).all()
        assert [tuple(row) for row in rows] == [(there, "s3://photos/a/cat.jpg"), ("/data/b.jpg", None)]
        sync_images(session, project.id, {1: "/data/a.jpg", 2: resolve_address(2, "gs://photos/b.jpg")})
        found = session.scalars(select(Image.object_uri).order_by(Image.studio_task)).all()
        assert found == [None, "gs://photos/b.jpg"]
