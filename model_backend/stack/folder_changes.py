"""A folder of pictures against what was imported from it before: what moved, changed, came and went.

Pictures are recognised by their content, so that a renamed folder or file keeps its task and its answers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from annotator.addresses import local_file
from annotator.store.images import Content, KnownImage
from model_backend.stack import local_files


@dataclass(frozen=True)
class FolderChanges:
    """moved: the file that each of these tasks shows now. added: files without a task. changed: files that
    hold another picture than before. missing: files of tasks that are gone, by their path below the document
    root. deleted: files whose task was deleted in Label Studio, and that stay out.
    """

    moved: Mapping[int, str]
    added: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    deleted: tuple[str, ...]


def compare(
    name: str,
    contents: Mapping[str, Content],
    tasks: Mapping[int, Any],
    images: Collection[KnownImage],
    exists: Callable[[str], bool],
) -> FolderChanges:
    """What has happened to the folder `name` since its pictures were imported.

    contents: its usable files. tasks: the image addresses of the project's tasks in Label Studio. images:
    what the store knows of the project's images, those of deleted tasks included. exists: whether there is a
    file of this path below the document root.
    """
    files = {task: file for task, uri in tasks.items() if (file := local_file(str(uri)))}
    digests = {image.task: image.digest for image in images}
    here = f"{name}/"
    of_file = {file.removeprefix(here): task for task, file in files.items() if file.startswith(here)}
    free = {file: content.digest for file, content in contents.items() if file not in of_file}
    gone = {task: file for task, file in files.items() if not exists(file)}

    moved = _found_again(gone, digests, free)
    for file in moved.values():
        del free[file]
    deleted = _deleted(name, free, [each for each in images if each.task not in tasks] if tasks else [])
    return FolderChanges(
        moved=moved,
        added=tuple(sorted(free.keys() - deleted)),
        changed=tuple(
            sorted(
                file
                for file, task in of_file.items()
                if file in contents and digests.get(task) not in (None, contents[file].digest)
            )
        ),
        missing=tuple(sorted(file for task, file in gone.items() if task not in moved)),
        deleted=tuple(sorted(deleted)),
    )


def _found_again(
    gone: Mapping[int, str], digests: Mapping[int, str | None], free: Mapping[str, str]
) -> dict[int, str]:
    """The files that hold what tasks showed whose own files are gone; each is given to one task.

    Of a picture that was never read only the name is known: the path within its folder.
    """
    left = {digest: file for file, digest in free.items()}
    found: dict[int, str] = {}
    for task in sorted(gone):
        digest = digests.get(task)
        if digest is None:
            within = gone[task].partition("/")[2]
            digest = free.get(within)
        file = left.pop(digest, None) if digest is not None else None
        if file is not None:
            found[task] = file
    return found


def _deleted(name: str, free: Mapping[str, str], removed: Collection[KnownImage]) -> set[str]:
    """The files whose picture was a task once, and is none any more."""
    digests = {each.digest for each in removed if each.digest is not None}
    addresses = {each.uri for each in removed}
    return {
        file for file, digest in free.items() if digest in digests or local_files.uri(name, file) in addresses
    }
