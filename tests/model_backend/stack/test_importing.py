"""A folder of pictures in a real Label Studio: moved, changed, gone, deleted, and no answer lost."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as Picture
from sqlalchemy import select

from annotator.labelstudio.client import Studio
from annotator.labelstudio.config import build_config
from annotator.labelstudio.reconcile import reconcile
from annotator.store import Annotation, Image, Project, Store, sync_labels
from model_backend.stack.folder_changes import FolderChanges
from model_backend.stack.image_folder import look_through
from model_backend.stack.importing import FolderImport, in_words
from tests.studio_fixtures import LABELS


def paint(file: Path, number: int) -> None:
    stream = io.BytesIO()
    Picture.new("RGB", (8, 8), (number, 90, 200)).save(stream, "PNG")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(stream.getvalue())


class Start:
    """What `onetag up` does with a folder at each start, as far as the folder goes."""

    def __init__(self, studio: Studio, store: Store, project: int) -> None:
        self.studio, self.store, self.project = studio, store, project
        self.project_id: int | None = None

    def __call__(self, folder: Path) -> FolderChanges:
        found = look_through(folder, 2**20, 10**6)
        importing = FolderImport(self.studio, self.store, self.project, folder, found)
        changes = importing.bring_in(lambda _done, _total: None)
        if self.project_id is None:
            with self.store.session() as session:
                made = Project(
                    studio_url=self.studio.url,
                    studio_project=self.project,
                    title="Folder",
                    label_config=build_config(LABELS),
                )
                session.add(made)
                session.flush()
                sync_labels(session, made, LABELS)
                self.project_id = made.id
        reconcile(self.store, self.studio, self.project_id)
        importing.note(self.project_id)
        return changes

    def answered(self) -> set[str]:
        """The addresses of the images with a live answer."""
        with self.store.reading() as session:
            chosen = select(Image.uri).join(Annotation, Annotation.image_id == Image.id)
            return set(
                session.scalars(chosen.where(Annotation.retired_at.is_(None), Image.removed_at.is_(None)))
            )

    def uris(self) -> list[str]:
        return sorted(task["data"]["image"] for task in self.studio.tasks(self.project))


@pytest.mark.studio
@pytest.mark.timeout(600)
def test_pictures_are_recognised_wherever_they_go(
    studio: Studio, new_studio_project: Callable[..., int], files_root: Path, sqlite_store: Store
) -> None:
    start = Start(studio, sqlite_store, new_studio_project(LABELS))
    folder = files_root / "holiday photos"
    for number in range(4):
        paint(folder / f"{number}.png", number)
    assert len(start(folder).added) == 4
    for task in studio.tasks(start.project):
        region = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
        studio.annotate(task["id"], [region])
    assert start(folder) == FolderChanges({}, (), (), (), ())
    assert len(start.answered()) == 4

    folder = folder.rename(files_root / "Urlaub & mehr")
    paint(folder / "new.png", 100)
    moved = start(folder)
    assert sorted(moved.moved.values()) == ["0.png", "1.png", "2.png", "3.png"]
    assert moved.added == ("new.png",)
    assert start.uris() == sorted(
        f"/data/local-files/?d=Urlaub%20%26%20mehr/{name}.png" for name in ("0", "1", "2", "3", "new")
    )
    assert len(start.answered()) == 4, "the answers went with them"
    assert start(folder) == FolderChanges({}, (), (), (), ())

    paint(folder / "0.png", 200)
    (folder / "1.png").unlink()
    (folder / "2.png").rename(folder / "two.png")
    (third,) = [task["id"] for task in studio.tasks(start.project) if "/3.png" in task["data"]["image"]]
    studio.delete_task(third)
    happened = start(folder)
    assert happened.changed == ("0.png",)
    assert happened.missing == ("Urlaub & mehr/1.png",)
    assert list(happened.moved.values()) == ["two.png"]
    assert happened.deleted == ("3.png",)
    assert happened.added == ()
    assert len(start.uris()) == 4
    assert len(start.answered()) == 3
    again = start(folder)
    assert (again.deleted, again.changed, again.added) == (("3.png",), (), ())
    with sqlite_store.reading() as session:
        due = session.scalars(select(Image.uri).where(Image.try_at.is_not(None))).all()
    assert due == ["/data/local-files/?d=Urlaub%20%26%20mehr/0.png"], "read anew by itself"


def test_what_happened_is_said_in_a_sentence_each() -> None:
    changes = FolderChanges(
        {1: "b.png", 2: "a.png"}, ("new.png",), ("c.png",), ("photos/d.png",), ("1", "2", "3", "4")
    )
    assert list(in_words(changes)) == [
        "Moved, with their tasks and answers: a.png, b.png.",
        "Another picture than before, read anew: c.png.",
        "Gone; their tasks and answers stay: photos/d.png.",
        "Left out, because their tasks were deleted in Label Studio: 1, 2, 3 and 1 more.",
    ]
