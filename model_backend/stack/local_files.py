"""The folder of images as Label Studio's local files: served from where it lies, nothing copied."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote

from annotator.errors import OnetagError

PREFIX = "/data/local-files/?d="
LOOPBACK = "127.0.0.1"
"""Where the data folder's own Label Studio answers, on whatever port."""


def document_root(images: Path, kept: Path | None, last: Path | None = None) -> Path:
    """The root of Label Studio's local files: the folder above `images`, the same one at every start.

    kept: the root of an earlier start; last: its folder of images. Where that is gone it was moved, and the
    root moves along. Label Studio serves what a project's storage names below the root, no more.
    Raises OnetagError when `images` does not lie right below the root of this data folder.
    """
    root = images.resolve().parent
    if root == images.resolve():
        raise OnetagError("The whole disk cannot be the folder of images.", "Put the images into a folder.")
    if kept is not None and kept != root and (last or kept).is_dir():
        raise OnetagError(
            f"This data folder serves images from folders in {kept}, and {images} is not one of them.",
            "Choose another data folder with --data-dir.",
        )
    return root


def uri(name: str, file: str) -> str:
    """What a task's data says for `file` (relative, forward slashes) of the folder `name`."""
    return PREFIX + quote(f"{name}/{file}")


def file_of(name: str, address: str) -> str | None:
    """The file that `uri` was given for the folder `name`; None for any other address."""
    start = f"{name}/"
    path = unquote(address.removeprefix(PREFIX)) if address.startswith(PREFIX) else ""
    return path.removeprefix(start) if path.startswith(start) else None
