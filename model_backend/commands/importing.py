"""The project of Label Studio and its tasks: made once, completed when a run was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.errors import OnetagError
from annotator.labelstudio.config import build_config, parse_config
from model_backend.commands import media

if TYPE_CHECKING:
    from annotator.labelstudio.client import ItemProgress, Studio

MARK = "Made by onetag."
"""Stands in the description of a project that `onetag up` has made, so that it is found again."""


def ensure_project(studio: Studio, title: str, labels: Sequence[str] | None) -> int:
    """The number of the project that `onetag up` keeps in its own Label Studio, with these labels.

    labels: None keeps those that are there. Raises OnetagError when a first run names none, or when a label
    that was used already is to go.
    """
    found = [row["id"] for row in studio.projects()]
    ours = [number for number in found if studio.project(number).get("description") == MARK]
    if not ours:
        if labels is None:
            raise OnetagError(
                "A first start needs the labels.", "Give --labels cat,dog,tree or --labels @labels.txt."
            )
        return int(studio.create_project(title, build_config(labels), description=MARK)["id"])
    number = int(min(ours))
    if labels is not None and parse_config(studio.project(number)["label_config"]).labels != tuple(labels):
        studio.update_project(number, label_config=build_config(labels))
    return number


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
        studio.import_tasks(project, [{"data": {"image": media.uri(name, file)}} for file in new], progress)
    return len(new)


def known_files(folder: Path, addresses: Iterable[str]) -> set[str]:
    """The files of the folder that these image addresses mean."""
    name = folder.resolve().name
    return {file for address in addresses if (file := media.file_of(name, address)) is not None}
