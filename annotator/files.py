"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4


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
    draft = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
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
