"""The project that labels are imported into: its images and labels before, and what has to be made of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from annotator.errors import OnetagError
from annotator.exchange.importing.entry import Progress
from annotator.exchange.importing.pictures import pictures_below
from annotator.labelstudio.config import build_config
from annotator.store import (
    Image,
    ImageChanges,
    Project,
    Store,
    folder_project,
    get_or_create_folder_project,
    live_labels,
    sync_folder_images,
    sync_labels,
)
from annotator.store.labels import current_names, labels_by_name


class AddLabels(Protocol):
    """Adds labels to a project's label config where that is kept; raises OnetagError where it cannot."""

    def __call__(self, project: Project, labels: list[str]) -> None:
        """Make these, in this order, the labels of the project, in Label Studio and in the store."""


@dataclass
class Target:
    """A project with its images by address, or a folder that is to become one (`project_id` None).

    ids: of the images, in the order of `addresses`; empty while the project is still to be made. called:
    what its labels are called now, by every name that they have had. archived: the names of other labels.
    """

    title: str
    project_id: int | None
    labels: list[str]
    addresses: list[str]
    ids: list[int]
    folder: Path | None = None
    files: dict[str, datetime] = field(default_factory=dict)
    left_out: tuple[tuple[str, str], ...] = ()
    called: dict[str, str] = field(default_factory=dict)
    archived: frozenset[str] = frozenset()


def project_target(store: Store, project_id: int) -> Target:
    """The target of a project that is there, with the images that it has."""
    with store.reading() as session:
        project = session.get_one(Project, project_id)
        live = select(Image.id, Image.uri).where(Image.project_id == project_id, Image.removed_at.is_(None))
        images = session.execute(live.order_by(Image.id)).all()
        target = Target(
            title=project.title,
            project_id=project_id,
            labels=[],
            addresses=[row.uri for row in images],
            ids=[row.id for row in images],
        )
        _add_labels(session, target)
    return target


def folder_target(store: Store, folder: Path, title: str | None, progress: Progress) -> Target:
    """The target of a folder of images without Label Studio: its project, or one still to be made.

    Its images are the files that lie in the folder now.
    """
    pictures = pictures_below(folder, progress)
    with store.reading() as session:
        project = folder_project(session, folder)
        target = Target(
            title=project.title if project else title or folder.resolve().name,
            project_id=project.id if project else None,
            labels=[],
            addresses=list(pictures.files),
            ids=[],
            folder=folder,
            files=pictures.files,
            left_out=pictures.left_out,
        )
        _add_labels(session, target)
    return target


def _add_labels(session: Session, target: Target) -> None:
    """Note the labels of the target's project, where there is one, by all their names."""
    if target.project_id is None:
        return
    target.labels = [label.name for label in live_labels(session, target.project_id)]
    target.called = current_names(session, target.project_id)
    target.archived = frozenset(labels_by_name(session, target.project_id)) - target.called.keys()


def known_ids(session: Session, target: Target) -> list[int]:
    """Ids of the images in the order of the addresses; 0 for one that the store does not have yet."""
    if target.folder is None:
        return target.ids
    of_folder = select(Image.uri, Image.id).where(
        Image.project_id == (target.project_id or 0), Image.studio_task.is_(None)
    )
    by_uri = {row.uri: row.id for row in session.execute(of_folder)}
    return [by_uri.get(address, 0) for address in target.addresses]


def make(
    store: Store, target: Target, labels: list[str], add_labels: AddLabels | None
) -> tuple[int, ImageChanges]:
    """Make the project what the import needs: there, with these labels, and a folder's images.

    Returns its id and what changed. Raises OnetagError when labels cannot be added to a label config.
    """
    if target.folder is None:
        project_id = target.project_id or 0
        if labels != target.labels:
            _extend(store, project_id, labels, add_labels)
        return project_id, ImageChanges()
    config = build_config(labels)
    with store.session() as session:
        project = get_or_create_folder_project(session, target.folder, target.title, config)
        if labels != target.labels:
            sync_labels(session, project, labels)
            project.label_config = config
        changes = sync_folder_images(session, project.id, target.files)
        return project.id, changes


def _extend(store: Store, project_id: int, labels: list[str], add_labels: AddLabels | None) -> None:
    with store.reading() as session:
        project = session.get_one(Project, project_id)
    if add_labels is None:
        raise OnetagError(
            f"The labels of {project.title!r} are those of its label config in Label Studio.",
            "Add the new ones there (Settings > Labeling Interface), then import again.",
        )
    add_labels(project, labels)
