"""The pictures that an export takes along: read without a network, named so that none hides another."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from annotator.exchange.rows import ExportRow
from annotator.labelstudio.errors import ImageUnavailable
from annotator.labelstudio.images import ImageSource
from annotator.settings import Settings

PictureReader = Callable[[str], bytes | None]
"""Gives the bytes of the picture at Label Studio's address; None where it cannot be read from here."""

AT_THE_START = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tiff",
    b"MM\x00*": ".tiff",
}
IN_A_FOLDER = 10_000  # files: more are slow to list
LONGEST = 60  # characters of a file's own name that are kept


def no_pictures(address: str) -> bytes | None:
    """Reads none: for exports that name pictures and take none along."""
    del address
    return None


def pictures_without_network(settings: Settings) -> PictureReader:
    """Reads the pictures that lie on this machine, or in the task itself."""
    source = ImageSource(None, settings.model_copy(update={"image_hosts": ()}))

    def read(address: str) -> bytes | None:
        try:
            return source.read(address)
        except ImageUnavailable:
            return None

    return read


def key_of(row: ExportRow) -> str:
    """A name for an image that no other image has, and that every file system takes; it holds no dot."""
    path = "" if row.image.startswith("data:") else urlsplit(row.image).path
    own = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePosixPath(path).stem)[:LONGEST].strip("_")
    return f"{row.image_id:09d}" + (f"-{own}" if own else "")


def suffix_of(row: ExportRow, data: bytes) -> str:
    """The suffix that fits the picture's bytes, whatever its name says; its own for bytes of another kind.

    >>> import numpy as np
    >>> nothing = np.zeros(0)
    >>> row = ExportRow(1, "a.jfif", "", "", None, None, None, nothing, nothing, nothing)
    >>> suffix_of(row, b"\\xff\\xd8\\xff\\xe0")
    '.jpg'
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    found = next((suffix for magic, suffix in AT_THE_START.items() if data.startswith(magic)), None)
    own = "" if row.image.startswith("data:") else PurePosixPath(row.image).suffix.lower()
    return found or (own if re.fullmatch(r"\.[a-z0-9]{1,5}", own) else ".bin")


def store_picture(row: ExportRow, data: bytes, folder: Path) -> str:
    """Write the picture below `folder`; returns its path relative to that, with forward slashes."""
    name = f"{row.image_id // IN_A_FOLDER:05d}/{key_of(row)}{suffix_of(row, data)}"
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return name
