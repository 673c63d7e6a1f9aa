"""The images follow the tasks; what is removed keeps its history."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, update

from annotator.addresses import resolve_address
from annotator.store import (
    Annotation,
    Image,
    ImageChanges,
    Project,
    Store,
    Unusable,
    count_unanswered,
    due_images,
    live_image_ids,
    remove_images,
    sync_images,
    unanswered_images,
)
from annotator.store.images import Content, known_images, note_contents, point_images

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
        assert count_unanswered(session, project.id) == 2


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


def content(digest: str, stamp: str = "1-1") -> Content:
    return Content(digest, stamp, 4, 3)


def test_what_files_hold_is_noted_and_another_picture_is_read_again(
    store: Store, make_project: MakeProject
) -> None:
    with store.session() as session:
        project = make_project(session, images=4)
        first, second, third, fourth = session.scalars(select(Image).order_by(Image.id)).all()
        second.digest, second.stamp = "b", "1-1"
        third.digest, third.unusable, third.problem = "c", Unusable.NO_IMAGE, "Damaged."
        session.flush()
        held = {first.uri: content("a"), second.uri: content("b", "2-2"), third.uri: content("new")}
        assert note_contents(session, project.id, held) == 1
        session.flush()
        assert (first.digest, first.stamp, first.width, first.try_at) == ("a", "1-1", 4, None)
        assert (second.digest, second.stamp, second.try_at) == ("b", "2-2", None)
        assert [third.digest, third.unusable, third.problem] == ["new", None, None]
        assert third.try_at is not None
        assert fourth.digest is None
        assert list(due_images(session, project.id, 9)) == [third.id]
        assert note_contents(session, project.id, held) == 0


def test_an_image_that_moved_keeps_what_is_known_of_it(store: Store, make_project: MakeProject) -> None:
    with store.session() as session:
        project = make_project(session, images=2)
        session.execute(update(Image).values(digest="a", stamp="1-1", width=4))
        point_images(session, project.id, {101: "/data/local-files/?d=new/1.jpg"})
        moved = session.scalars(select(Image).where(Image.studio_task == 101)).one()
        assert (moved.uri, moved.digest, moved.width) == ("/data/local-files/?d=new/1.jpg", "a", 4)
        tasks = {image.task: (image.uri, image.whole) for image in known_images(session, project.id)}
        assert tasks == {
            101: ("/data/local-files/?d=new/1.jpg", True),
            102: ("/data/upload/7/2.jpg", True),
        }
        assert not sync_images(session, project.id, {101: moved.uri})
