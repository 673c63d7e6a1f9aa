"""The images of a folder as tasks of a project: each once, recognised where it moved, also after a kill."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from annotator.store import Project
from annotator.store.images import KnownImage, known_images, note_contents, point_images
from model_backend.stack import local_files
from model_backend.stack.folder_changes import FolderChanges, compare

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from annotator.labelstudio.client import ItemProgress, Studio
    from annotator.store import Store
    from model_backend.stack.image_folder import Found

SHOWN = 3
"""Files that are named where there are many."""


@dataclass(frozen=True)
class FolderImport:
    """The folder `folder` of pictures, as `found`, on its way into a project of Label Studio's."""

    studio: Studio
    store: Store
    project: int
    folder: Path
    found: Found

    @property
    def name(self) -> str:
        """The folder's name below the document root."""
        return self.folder.resolve().name

    def bring_in(self, progress: ItemProgress) -> FolderChanges:
        """Give every picture a task, unless it has or had one, and point tasks to where pictures are now.

        Label Studio serves the folder from where it lies, right below its document root: nothing is copied.
        """
        self.studio.serve_folder(self.project, self.folder)
        data = {int(task["id"]): dict(task["data"]) for task in self.studio.tasks(self.project)}
        tasks = {task: each.get("image") for task, each in data.items()}
        root = self.folder.resolve().parent
        with self.store.reading() as session:
            images = images_of(session, self.project)
        changes = compare(self.name, self.found.contents, tasks, images, lambda file: (root / file).exists())
        self._move(changes, data, progress)
        new = [{"data": {"image": local_files.uri(self.name, file)}} for file in changes.added]
        if new:
            self.studio.import_tasks(self.project, new, progress)
        return changes

    def _move(
        self, changes: FolderChanges, data: dict[int, dict[str, object]], progress: ItemProgress
    ) -> None:
        uris = {task: local_files.uri(self.name, file) for task, file in changes.moved.items()}
        for done, (task, uri) in enumerate(uris.items(), 1):
            self.studio.update_task(task, {**data[task], "image": uri})
            progress(done, len(uris))
        if uris:
            with self.store.session() as session:
                for project in _rows(session, self.project):
                    point_images(session, project, uris)

    def note(self, project_id: int) -> None:
        """Record what the files hold, once the project's images are in the store."""
        contents = {local_files.uri(self.name, file): held for file, held in self.found.contents.items()}
        with self.store.session() as session:
            note_contents(session, project_id, contents)


def images_of(session: Session, project: int) -> list[KnownImage]:
    """What the store knows of the images of a project in this data folder's own Label Studio."""
    return [image for row in _rows(session, project) for image in known_images(session, row)]


def _rows(session: Session, project: int) -> list[int]:
    own = Project.studio_url.like(f"http://{local_files.LOOPBACK}:%")
    return list(session.scalars(select(Project.id).where(Project.studio_project == project, own)))


def known_files(folder: Path, addresses: Iterable[str]) -> set[str]:
    """The files of the folder that these image addresses mean."""
    name = folder.resolve().name
    return {file for address in addresses if (file := local_files.file_of(name, address)) is not None}


def in_words(changes: FolderChanges) -> Iterator[str]:
    """What happened to the folder, a sentence each, for those who start `onetag up`."""
    told = (
        (changes.moved.values(), "Moved, with their tasks and answers"),
        (changes.changed, "Another picture than before, read anew"),
        (changes.missing, "Gone; their tasks and answers stay"),
        (changes.deleted, "Left out, because their tasks were deleted in Label Studio"),
    )
    for files, what in told:
        named = sorted(files)
        if named:
            more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
            yield f"{what}: {', '.join(named[:SHOWN])}{more}."
