"""The images of a project without Label Studio follow the files of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from annotator.store.bulk import chunked
from annotator.store.images import ImageChanges
from annotator.store.models import Image, Project
from annotator.store.paths import stored_path
from annotator.store.turns import take_turn
from annotator.store.types import utc_now


def folder_project(session: Session, folder: Path) -> Project | None:
    """The project without Label Studio whose images lie in this folder, if there is one.

    Raises OnetagError for a folder whose path is too long.
    """
    wanted = select(Project).where(Project.image_folder == stored_path(folder))
    return session.scalars(wanted).first()


def get_or_create_folder_project(session: Session, folder: Path, title: str, label_config: str) -> Project:
    """The same, made when there is none."""
    found = folder_project(session, folder)
    if found is not None:
        return found
    fresh = Project(title=title, label_config=label_config, image_folder=stored_path(folder))
    try:
        with session.begin_nested():
            session.add(fresh)
    except IntegrityError:  # another process was first
        found = folder_project(session, folder)
        if found is None:
            raise
        return found
    return fresh


def sync_folder_images(session: Session, project_id: int, files: Mapping[str, datetime]) -> ImageChanges:
    """Make an image of every file (name relative to the folder -> when it was changed), and of no other.

    What was known of the bytes of a file that was changed since it was looked at is forgotten.
    """
    take_turn(session, project_id)
    rows = session.execute(
        select(Image.id, Image.uri, Image.removed_at, Image.created_at, Image.digest).where(
            Image.project_id == project_id, Image.studio_task.is_(None)
        )
    )
    known = {row.uri: row for row in rows}
    new = [{"project_id": project_id, "uri": name} for name in files if name not in known]
    back = [known[name].id for name in files if name in known and known[name].removed_at is not None]
    changed = [
        known[name].id
        for name, moment in files.items()
        if name in known and known[name].digest is not None and moment > known[name].created_at
    ]
    gone = [row.id for name, row in known.items() if name not in files and row.removed_at is None]
    for piece in chunked(new):
        session.execute(insert(Image), piece)
    if back:
        session.execute(update(Image), [{"id": key, "removed_at": None} for key in back])
    if changed:
        forgotten = {"digest": None, "width": None, "height": None, "problem": None}
        session.execute(update(Image), [{"id": key, **forgotten} for key in changed])
    if gone:
        now = utc_now()
        session.execute(update(Image), [{"id": key, "removed_at": now} for key in gone])
    return ImageChanges(len(new), len(back), len(changed), len(gone))
