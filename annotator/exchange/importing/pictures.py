"""Which files of a folder are pictures: by their names alone, for nothing is decoded on this side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from annotator.errors import OnetagError
from annotator.exchange.importing.entry import Progress, nobody

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".gif", ".webp", ".bmp", ".avif", ".tif", ".tiff", ".ppm"}
)
TOLD_EVERY = 1_000


@dataclass(frozen=True)
class Pictures:
    """The pictures below a folder by their names, sorted, relative to it; and why others were left out."""

    files: dict[str, datetime]
    """Name -> when the file was changed."""
    left_out: tuple[tuple[str, str], ...]
    """(name, why)."""


def looks_like_a_picture(name: str) -> bool:
    """Whether a name ends as names of pictures do.

    >>> looks_like_a_picture("a/b.JPG"), looks_like_a_picture("labels.csv")
    (True, False)
    """
    return PurePosixPath(name.strip()).suffix.lower() in SUFFIXES


def check_folder(folder: Path) -> None:
    """Raise OnetagError unless the folder is there."""
    if not folder.is_dir():
        raise OnetagError(f"{folder} is not a folder.", "Give the folder that holds the images.")


def pictures_below(folder: Path, progress: Progress = nobody) -> Pictures:
    """Look through a folder; hidden files, and links that lead out of it, are left out.

    Raises OnetagError when it is no folder, cannot be read, or holds no picture.
    """
    check_folder(folder)
    root = folder.resolve()
    files: dict[str, datetime] = {}
    left_out: list[tuple[str, str]] = []
    try:
        for file in _walk(root):
            name = file.relative_to(root).as_posix()
            reason = _reason(root, file, name)
            if reason is not None:
                left_out.append((ascii(name)[1:-1], reason))
                continue
            files[name] = datetime.fromtimestamp(file.stat().st_mtime, UTC)
            if len(files) % TOLD_EVERY == 0:
                progress(len(files), 0)
    except OSError as error:
        raise OnetagError(f"{folder} cannot be read ({error.strerror}).", "Check its permissions.") from None
    if not files:
        kinds = ", ".join(sorted(SUFFIXES))
        raise OnetagError(f"{folder} holds no pictures ({kinds}).", "Give the folder that does.")
    return Pictures(dict(sorted(files.items())), tuple(left_out))


def _walk(folder: Path) -> Iterator[Path]:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            elif looks_like_a_picture(entry.name):
                yield Path(entry.path)


def _reason(root: Path, file: Path, name: str) -> str | None:
    """Why a file is left out; None when it is not."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "its name is not UTF-8: rename it"
    if file.is_symlink():
        if not file.resolve().is_relative_to(root):
            return "it is a link to a place outside of the folder: copy it there"
        if not file.is_file():
            return "it is a link to nothing, or to a folder"
    return None
