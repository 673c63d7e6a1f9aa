"""Writing files and folders whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

MANY = 1_000  # files


@contextmanager
def atomic_file(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """A new file that takes the place of `path` at the end; after an error the old one is as it was.

    It is written beside it and synced to the disk before it is renamed. mode: its permissions, less the
    process's umask. Raises what the disk raises (OSError).

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "note.txt"
    >>> with atomic_file(file) as stream:
    ...     _ = stream.write(b"whole")
    >>> file.read_text()
    'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = _beside(path, "part")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink()


def file_stamp(status: os.stat_result) -> str:
    """What changes when a file is written anew: its size, and when that was."""
    return f"{status.st_size}-{status.st_mtime_ns}"


@contextmanager
def atomic_paths(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Where to make new files or folders that take the places of `paths` at the end, all of them or none.

    Each is made beside its path and synced to the disk before the first is renamed. After an error the old
    ones are as they were. An old folder steps aside, the new one takes its name, and only then the old one is
    deleted: a crash between the two names leaves both, whole, beside the path.
    Raises what the disk raises (OSError).

    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "notes"
    >>> with atomic_paths(place) as (draft,):
    ...     draft.mkdir()
    ...     _ = (draft / "note.txt").write_text("whole")
    >>> [file.name for file in place.iterdir()]
    ['note.txt']
    """
    drafts = tuple(_beside(path, "part") for path in paths)
    try:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield drafts
        for draft in drafts:
            _sync(draft)
        for draft, path in zip(drafts, paths, strict=True):
            _take_place(draft, path)
    finally:
        for draft in drafts:
            _remove(draft)


def _take_place(draft: Path, path: Path) -> None:
    if not path.is_dir():
        draft.replace(path)
        return
    aside = _beside(path, "old")
    path.rename(aside)
    try:
        draft.rename(path)
    except OSError:
        aside.rename(path)
        raise
    _remove(aside)


def _sync(path: Path) -> None:
    inside = (Path(place) / name for place, _, names in os.walk(path) for name in names)
    files = list(islice(inside, MANY + 1)) if path.is_dir() else [path]
    if len(files) > MANY:
        os.sync()  # all at once: a million pictures, one by one, would take half an hour
        return
    for file in files:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


def _beside(path: Path, suffix: str) -> Path:
    """A hidden name in the same folder, so on the same disk, that nobody else uses."""
    return path.with_name(f".{path.name}.{uuid4().hex[:8]}.{suffix}")
