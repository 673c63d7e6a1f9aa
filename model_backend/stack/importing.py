"""The images of a folder as tasks of a project: each once, completed when a run was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from model_backend.stack import local_files

if TYPE_CHECKING:
    from annotator.labelstudio.client import ItemProgress, Studio


def import_images(
    studio: Studio, project: int, folder: Path, files: Sequence[str], progress: ItemProgress
) -> int:
    """Give every file (relative to `folder`) a task, unless it has one; returns how many are new.

    Label Studio serves the folder from where it lies, right below its document root: nothing is copied.
    """
    studio.serve_folder(project, folder)
    there = known_files(folder, (str(task["data"].get("image", "")) for task in studio.tasks(project)))
    new = [file for file in files if file not in there]
    if new:
        name = folder.resolve().name
        studio.import_tasks(
            project, [{"data": {"image": local_files.uri(name, file)}} for file in new], progress
        )
    return len(new)


def known_files(folder: Path, addresses: Iterable[str]) -> set[str]:
    """The files of the folder that these image addresses mean."""
    name = folder.resolve().name
    return {file for address in addresses if (file := local_files.file_of(name, address)) is not None}
