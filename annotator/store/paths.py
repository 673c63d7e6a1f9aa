"""Paths of files and folders that projects and imports are found again by."""

from __future__ import annotations

from pathlib import Path

from annotator.errors import OnetagError

MOST_BYTES = 2_600
"""The longest path: an entry of PostgreSQL's indexes holds 2,704 bytes, the project's number among them."""


def stored_path(path: Path) -> str:
    """The resolved path as it is kept and looked for. Raises OnetagError for one that no index could hold."""
    text = str(path.resolve())
    size = len(text.encode("utf-8", "surrogateescape"))
    if size > MOST_BYTES:
        raise OnetagError(
            f"The path of {path.name} has {size:,} bytes; the store holds up to {MOST_BYTES:,}.",
            "Move it to a folder that is not so deep.",
        )
    return text
