"""A project of a folder without Label Studio, joined to the one that `onetag up` makes of the same folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from annotator.errors import OnetagError
from annotator.labelstudio.projects import find_project, identity_of
from annotator.store import Image, Store, folder_project, live_labels
from annotator.store.types import utc_now
from model_backend.stack import local_files

if TYPE_CHECKING:
    from annotator.labelstudio.client import Studio


def labels_to_keep(store: Store, folder: Path) -> list[str]:
    """The labels of the folder's project without Label Studio, which it is to have there too."""
    with store.reading() as session:
        project = folder_project(session, folder)
        return [label.name for label in live_labels(session, project.id)] if project else []


def join_folder_project(store: Store, studio: Studio, number: int, folder: Path) -> bool:
    """Let the folder's project without Label Studio be project `number` there; False when there is none.

    Its images become those of the tasks that show the same files, and keep everything known of them. Done
    again after a kill it goes on. Raises OnetagError when the store has a project of that number already.
    """
    name = folder.resolve().name
    with store.reading() as session:
        if folder_project(session, folder) is None:
            return False
    files = {
        file: (int(task["id"]), str(task["data"]["image"]))
        for task in studio.tasks(number)
        if (file := local_files.file_of(name, str(task["data"].get("image", "")))) is not None
    }
    identity = identity_of(studio.project(number))
    with store.session() as session:
        project = folder_project(session, folder)
        if project is None:
            return False
        if find_project(session, studio.url, identity) is not None:
            raise OnetagError(
                f"This data folder has two projects of {folder}: one in Label Studio, and {project.title!r} "
                "without it.",
                "Import the labels into the one in Label Studio (`onetag import FILE --project N`), and keep "
                "the other in a data folder of its own.",
            )
        images = session.execute(select(Image.id, Image.uri).where(Image.project_id == project.id)).all()
        joined = [
            {"id": row.id, "studio_task": files[row.uri][0], "uri": files[row.uri][1]}
            for row in images
            if row.uri in files
        ]
        # A file that Label Studio does not show, such as a TIFF, is no image of the project any more.
        lacking = [{"id": row.id, "removed_at": utc_now()} for row in images if row.uri not in files]
        for changes in (joined, lacking):
            if changes:
                session.execute(update(Image), changes)
        project.studio_url, project.studio_project, project.image_folder = studio.url, number, None
        project.studio_created_at = identity.made
    return True
