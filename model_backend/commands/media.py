"""The folder of images as Label Studio's local files: one link below a root of our own, nothing copied."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from urllib.parse import quote, unquote

from annotator.errors import OnetagError

PREFIX = "/data/local-files/?d="


def link(root: Path, images: Path) -> str:
    """Make `images` visible below `root`, and return the name it has there; the same one every time.

    Label Studio serves only what lies below the root of its local files: a root with nothing but links
    shows it nothing else of the disk. Raises OnetagError when the link cannot be made.
    """
    target = images.resolve()
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", target.name).strip("-") or "images"
    name = f"{plain}-{hashlib.sha256(str(target).encode()).hexdigest()[:6]}"
    place = root / name
    try:
        root.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink():
            place.symlink_to(target, target_is_directory=True)
    except OSError as error:
        raise OnetagError(
            f"{place} cannot be made ({error.strerror}). Choose a folder that can be written, with --data-dir."
        ) from None
    return name


def uri(name: str, file: str) -> str:
    """What a task's data says for `file` (relative, forward slashes) of the linked folder `name`."""
    return PREFIX + quote(f"{name}/{file}")


def file_of(name: str, address: str) -> str | None:
    """The file that `uri` was given for the folder `name`; None for any other address."""
    start = f"{name}/"
    path = unquote(address.removeprefix(PREFIX)) if address.startswith(PREFIX) else ""
    return path.removeprefix(start) if path.startswith(start) else None
