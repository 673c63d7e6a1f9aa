"""Images that cannot be read for a while come back by themselves; what is no image does not cost a try."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from annotator.labelstudio.errors import ImageUnavailable, LabelStudioUnreachable
from annotator.labelstudio.images import ImageSource
from annotator.settings import Settings
from annotator.store import (
    Image,
    ModelVersion,
    Project,
    RunReason,
    Store,
    Unusable,
    image_problems,
    load_vectors,
    queue_run,
)
from annotator.store.types import utc_now
from model_backend.backbones.base import Backbone
from model_backend.engine.look_again import look_again
from model_backend.engine.resources import LearningResources
from model_backend.engine.train import train_project, train_run

IMAGES = 24


@pytest.fixture
def project(sqlite_store: Store, new_project: Callable[..., Project], tag: Callable[..., None]) -> Project:
    made = new_project(sqlite_store, images=IMAGES)
    tag(sqlite_store, made, range(1, 13))
    return made


class Host:
    """An image host that is up or down, and counts what it is asked."""

    def __init__(self, paint: Callable[[int], bytes]) -> None:
        self.error: Exception | None = None
        self.asked: list[str] = []
        self._paint = paint

    def read(self, uri: str) -> bytes:
        self.asked.append(uri)
        if self.error is not None:
            raise self.error
        return self._paint(int(Path(uri).stem))


@pytest.fixture
def host(paint: Callable[[int], bytes]) -> Host:
    return Host(paint)


@pytest.fixture
def bench(engine_settings: Settings, host: Host, resources: LearningResources) -> LearningResources:
    return LearningResources(engine_settings, host.read, resources.backbone)


DOWN = ImageUnavailable("example.net answers 502.", "Wait.", Unusable.UNREACHED)


def pass_time(store: Store, by: timedelta = timedelta(days=1)) -> None:
    with store.session() as session:
        waiting = session.scalars(select(Image).where(Image.try_at.is_not(None))).all()
        for image in waiting:
            assert image.try_at is not None
            image.try_at -= by


def pool_size(store: Store, version: ModelVersion) -> int:
    with store.reading() as session:
        return len(load_vectors(session, version.id)[0])


def test_a_host_that_was_down_during_a_training_costs_no_image(
    sqlite_store: Store, bench: LearningResources, host: Host, project: Project
) -> None:
    host.error = DOWN
    with pytest.raises(Exception, match="None of the project's images can be read"):
        train_project(sqlite_store, bench, project.id)
    with sqlite_store.reading() as session:
        (group,) = image_problems(session, project.id)
    assert (group.reason, group.count) == (Unusable.UNREACHED, IMAGES)
    assert group.next_try is not None
    assert timedelta(0) < group.next_try - utc_now() <= timedelta(minutes=1)

    host.asked.clear()
    assert list(look_again(sqlite_store, bench, project.id)) == [], "not before the pause is over"
    assert host.asked == []
    pass_time(sqlite_store)
    assert list(look_again(sqlite_store, bench, project.id)) == [0], "still down"
    assert len(host.asked) == IMAGES
    with sqlite_store.reading() as session:
        (group,) = image_problems(session, project.id)
    assert group.next_try is not None
    assert timedelta(seconds=90) < group.next_try - utc_now() <= timedelta(minutes=2), "the pause grows"

    host.error = None
    pass_time(sqlite_store)
    assert sum(look_again(sqlite_store, bench, project.id)) == IMAGES
    with sqlite_store.reading() as session:
        assert image_problems(session, project.id) == []
    host.asked.clear()
    version = train_project(sqlite_store, bench, project.id)
    assert pool_size(sqlite_store, version) == IMAGES
    assert host.asked == [], "their features are at hand"


def test_what_is_no_image_is_not_read_again_by_itself(
    sqlite_store: Store,
    bench: LearningResources,
    host: Host,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        host, "read", lambda uri: b"<html>" if uri == "/data/24.png" else Host.read(host, uri)
    )
    fresh = LearningResources(bench.settings, host.read, bench.backbone)
    train_project(sqlite_store, fresh, project.id)
    with sqlite_store.reading() as session:
        (group,) = image_problems(session, project.id)
    assert (group.reason, group.count, group.next_try) == (Unusable.NO_IMAGE, 1, None)
    assert "web page" in group.examples[0].problem
    pass_time(sqlite_store)
    assert list(look_again(sqlite_store, fresh, project.id)) == []


def test_while_label_studio_is_down_nobody_is_blamed(
    sqlite_store: Store, bench: LearningResources, host: Host, project: Project
) -> None:
    host.error = DOWN
    with pytest.raises(Exception, match="None of"):
        train_project(sqlite_store, bench, project.id)
    pass_time(sqlite_store)
    with sqlite_store.reading() as session:
        before = session.scalars(select(Image.tries)).all()
    host.error = LabelStudioUnreachable("It does not answer.", "Start it.")
    with pytest.raises(LabelStudioUnreachable):
        list(look_again(sqlite_store, bench, project.id))
    with sqlite_store.reading() as session:
        assert session.scalars(select(Image.tries)).all() == before


def test_a_task_without_an_image_is_never_read(
    sqlite_store: Store, bench: LearningResources, host: Host, project: Project
) -> None:
    with sqlite_store.session() as session:
        nothing = {"uri": "", "unusable": Unusable.NO_ADDRESS, "problem": "A list."}
        session.execute(update(Image).where(Image.studio_task == 724).values(nothing))
    version = train_project(sqlite_store, bench, project.id)
    assert pool_size(sqlite_store, version) == IMAGES - 1
    assert "" not in host.asked
    with sqlite_store.reading() as session:
        assert session.scalars(select(Image.problem).where(Image.studio_task == 724)).one() == "A list."


@pytest.fixture
def folder(tmp_path: Path, sqlite_store: Store, project: Project, paint: Callable[[int], bytes]) -> Path:
    """The project's pictures as files, served as Label Studio's local files."""
    made = tmp_path / "root" / "photos"
    made.mkdir(parents=True)
    with sqlite_store.session() as session:
        for number, image in enumerate(session.scalars(select(Image).order_by(Image.id)), start=1):
            (made / f"{number}.png").write_bytes(paint(number))
            image.uri = f"/data/local-files/?d=photos/{number}.png"
    return made


@pytest.fixture
def on_disk(engine_settings: Settings, folder: Path, resources: LearningResources) -> LearningResources:
    settings = engine_settings.model_copy(update={"local_files_root": folder.parent})
    source = ImageSource(None, settings)
    return LearningResources(settings, source.read, resources.backbone, stamp=source.stamp)


@pytest.fixture
def queue_and_train(sqlite_store: Store, project: Project) -> Callable[[LearningResources], ModelVersion]:
    """Trains as the worker does by itself: what has a problem is not read."""

    def run(resources: LearningResources) -> ModelVersion:
        with sqlite_store.session() as session:
            queued = queue_run(session, project.id, RunReason.NEW_OBSERVATIONS)
            assert queued is not None
        return train_run(sqlite_store, resources, queued.id)

    return run


def facts(store: Store, task: int) -> Any:
    with store.reading() as session:
        return session.scalars(select(Image).where(Image.studio_task == task)).one()


def test_a_picture_that_was_overwritten_is_seen_anew(
    sqlite_store: Store, on_disk: LearningResources, folder: Path, project: Project, paint: Any
) -> None:
    train_project(sqlite_store, on_disk, project.id)
    before = facts(sqlite_store, 724).digest
    (folder / "24.png").write_bytes(paint(500))
    train_project(sqlite_store, on_disk, project.id)
    after = facts(sqlite_store, 724)
    assert after.digest not in (before, None)
    assert after.unusable is None


def test_a_file_of_the_same_content_costs_no_second_look(
    sqlite_store: Store,
    on_disk: LearningResources,
    folder: Path,
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    train_project(sqlite_store, on_disk, project.id)
    os.utime(folder / "24.png", (1, 1))
    computed: list[int] = []
    compute = type(on_disk.backbone).compute

    def counted(self: Backbone, prepared: Any) -> Any:
        computed.append(len(prepared))
        return compute(self, prepared)

    monkeypatch.setattr(type(on_disk.backbone), "compute", counted)
    train_project(sqlite_store, on_disk, project.id)
    assert computed == []


def test_a_picture_overwritten_with_rubbish_is_left_out_until_it_is_mended(
    sqlite_store: Store, on_disk: LearningResources, folder: Path, project: Project, paint: Any
) -> None:
    train_project(sqlite_store, on_disk, project.id)
    (folder / "24.png").write_bytes(b"rubbish")
    version = train_project(sqlite_store, on_disk, project.id)
    assert facts(sqlite_store, 724).unusable is Unusable.NO_IMAGE
    assert pool_size(sqlite_store, version) == IMAGES - 1
    (folder / "24.png").write_bytes(paint(24))
    version = train_project(sqlite_store, on_disk, project.id)
    assert facts(sqlite_store, 724).unusable is None
    assert pool_size(sqlite_store, version) == IMAGES


def test_a_file_that_is_gone_is_told_and_what_was_learned_from_it_stays(
    sqlite_store: Store,
    on_disk: LearningResources,
    folder: Path,
    project: Project,
    paint: Any,
    queue_and_train: Callable[[LearningResources], ModelVersion],
) -> None:
    queue_and_train(on_disk)
    (folder / "24.png").unlink()
    for _ in range(2):
        version = queue_and_train(on_disk)
        assert pool_size(sqlite_store, version) == IMAGES
        gone = facts(sqlite_store, 724)
        assert (gone.unusable, gone.tries) == (Unusable.MISSING, 1)
        assert gone.digest is not None
    (folder / "24.png").write_bytes(paint(24))
    pass_time(sqlite_store)
    assert sum(look_again(sqlite_store, on_disk, project.id)) in (0, 1)
    assert facts(sqlite_store, 724).unusable is None


@pytest.fixture
def dripping() -> Iterator[str]:
    """The address of a host that sends a byte of its headers now and then, and never comes to an end."""
    over = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def drip(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while not over.wait(0.1):
                connection.sendall(b"H")

    def serve() -> None:
        with suppress(OSError):
            while not over.is_set():
                threading.Thread(target=drip, args=(server.accept()[0],), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    over.set()
    server.close()


def test_a_dripping_image_holds_up_neither_trainings_nor_predictions(
    sqlite_store: Store, engine_settings: Settings, folder: Path, resources: LearningResources, dripping: str
) -> None:
    changes = {"local_files_root": folder.parent, "image_hosts": ("127.0.0.1",), "request_timeout": 1.0}
    settings = engine_settings.model_copy(update=changes)
    source = ImageSource(None, settings)
    bench = LearningResources(settings, source.read, resources.backbone, stamp=source.stamp)
    with sqlite_store.session() as session:
        project_id = session.scalars(select(Project.id)).one()
        session.execute(update(Image).where(Image.studio_task == 724).values(uri=f"{dripping}/cat.png"))
    began = time.monotonic()
    version = train_project(sqlite_store, bench, project_id)
    assert pool_size(sqlite_store, version) == IMAGES - 1
    assert facts(sqlite_store, 724).unusable is Unusable.UNREACHED

    found = bench.extract([f"{dripping}/dog.png", "/data/local-files/?d=photos/1.png"], bench.backbone)
    assert list(found.problems) == [0]
    assert time.monotonic() - began < 30
