"""A folder of pictures, looked through before anything is imported: what can be used, and what cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from annotator.errors import OnetagError
from annotator.files import file_stamp
from annotator.store.images import Content
from model_backend.stack.listing import HEAD, SHOWN_BY_BROWSERS, Problem, list_folder, unshown

WORKERS = 4

__all__ = ["Found", "Problem", "look_through"]


@dataclass(frozen=True)
class Found:
    """What a folder holds; names are relative to it, with forward slashes, sorted.

    others: files that are no pictures. contents: what the usable files hold.
    """

    files: tuple[str, ...]
    problems: tuple[Problem, ...]
    others: tuple[str, ...]
    contents: Mapping[str, Content] = field(default_factory=dict)


def look_through(
    folder: Path,
    max_bytes: int,
    max_pixels: int,
    known: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
    *,
    opened: frozenset[str] = frozenset(),
) -> Found:
    """Check every picture below `folder`, whatever its name says; of equal ones the first is taken.

    known: names that were imported before, which come before others. opened: digests of pictures that were
    found whole before, and are not decoded again. only: the names to take; None takes all.
    Raises OnetagError when the folder cannot be read or holds no usable picture.
    """
    listed = list_folder(folder, known)
    pictures = [name for name in listed.pictures if only is None or name in only]
    pictures.sort(key=lambda name: (name not in known, name))
    problems = list(listed.problems)
    first: dict[str, str] = {}
    contents: dict[str, Content] = {}

    def look(name: str) -> Content | str:
        return _look(folder / name, max_bytes, max_pixels, opened)

    with ThreadPoolExecutor(WORKERS) as pool:
        for done, (name, seen) in enumerate(zip(pictures, pool.map(look, pictures), strict=True), 1):
            if isinstance(seen, str):
                problems.append(Problem(name, seen))
            elif first.setdefault(seen.digest, name) != name:
                problems.append(Problem(name, f"the same picture as {first[seen.digest]}"))
            else:
                contents[name] = seen
            if progress:
                progress(done, len(pictures))
    if not contents:
        raise _nothing(folder, problems)
    return Found(tuple(sorted(contents)), tuple(problems), tuple(listed.others), contents)


def _look(file: Path, max_bytes: int, max_pixels: int, opened: frozenset[str]) -> Content | str:
    """What a file holds, or what is wrong with it."""
    from model_backend.images import open_image  # noqa: PLC0415 (torch is slow to import)

    try:
        status = file.stat()
        if status.st_size > max_bytes:
            size, limit = status.st_size / 2**20, max_bytes / 2**20
            return f"{size:.0f} MiB, more than the {limit:.0f} of ONETAG_MAX_IMAGE_BYTES"
        data = file.read_bytes()
        digest, stamp = hashlib.sha256(data).hexdigest(), file_stamp(status)
        if digest in opened:
            return Content(digest, stamp)
        foreign = unshown(data[:HEAD])
        if foreign is not None:
            return foreign
        image = open_image(data, max_pixels)
        return Content(digest, stamp, image.width, image.height)
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        return str(error)


def _nothing(folder: Path, problems: list[Problem]) -> OnetagError:
    if not problems:
        kinds = ", ".join(sorted(SHOWN_BY_BROWSERS))
        return OnetagError(f"{folder} holds no pictures ({kinds}).", "Give the folder that does.")
    first = problems[0]
    return OnetagError(
        f"None of the {len(problems)} pictures in {folder} can be used. {first.file}: {first.reason}.",
        "Mend the pictures, or give another folder.",
    )
