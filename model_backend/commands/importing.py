"""The project of Label Studio and its tasks: made once, completed when a run was cut short."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.errors import OnetagError
from model_backend.commands import media

if TYPE_CHECKING:
    from annotator.labelstudio.client import Progress, Studio

MARK = "Made by onetag."
"""Stands in the description of a project that `onetag up` has made, so that it is found again."""


def ensure_project(studio: Studio, title: str, labels: Sequence[str] | None) -> int:
    """The number of the project that `onetag up` keeps in its own Label Studio, with these labels.

    labels: None keeps those that are there. Raises OnetagError when a first run names none, or when a label
    that was used already is to go.
    """
    from annotator.labelstudio.config import build_config, parse_config

    found = [row["id"] for row in studio.projects()]
    ours = [number for number in found if studio.project(number).get("description") == MARK]
    if not ours:
        if labels is None:
            raise OnetagError("A first start needs the labels: --labels cat,dog,tree or --labels @labels.txt.")
        return int(studio.create_project(title, build_config(labels), description=MARK)["id"])
    number = int(min(ours))
    if labels is not None and parse_config(studio.project(number)["label_config"]).labels != tuple(labels):
        studio.update_project(number, label_config=build_config(labels))
    return number


def import_images(
    studio: Studio, project: int, root: Path, folder: Path, files: Sequence[str], progress: Progress
) -> int:
    """Give every file (relative to `folder`) a task, unless it has one; returns how many are new.

    The folder is linked below `root`, Label Studio's document root: nothing is copied.
    """
    name = media.link(root, folder)
    studio.serve_folder(project, root / name)
    there = {media.file_of(name, address) for address in addresses(studio, project)}
    new = [file for file in files if file not in there]
    if new:
        studio.import_tasks(project, [{"data": {"image": media.uri(name, file)}} for file in new], progress)
    return len(new)


def addresses(studio: Studio, project: int) -> list[str]:
    """Where the images of all tasks are, as the tasks say."""
    return [str(task["data"].get("image", "")) for task in studio.tasks(project)]
