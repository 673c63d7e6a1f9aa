"""What lies in a folder: pictures that browsers show, pictures that they do not, and everything else.

Links are not followed out of the folder: what annotators see, and what is learned from, lies in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from annotator.errors import OnetagError

SHOWN_BY_BROWSERS = frozenset(
    {".jpg", ".jpeg", ".jfif", ".pjpeg", ".pjp", ".png", ".gif", ".webp", ".bmp", ".avif"}
)
NOT_SHOWN = "browsers cannot show this format: convert it to PNG or JPEG"
SVG = "an SVG drawing, not made of pixels: export it as PNG"
OTHER_PICTURES = {
    **dict.fromkeys((".tif", ".tiff", ".heic", ".heif", ".jp2", ".psd", ".raw", ".dng"), NOT_SHOWN),
    **dict.fromkeys((".svg", ".svgz"), SVG),
}
HEAD = 512  # bytes that tell a format
BITMAP_HEADERS = (12, 40, 52, 56, 64, 108, 124)  # bytes; "BM" alone starts many a text


@dataclass(frozen=True)
class Problem:
    """A file that is left out, and why."""

    file: str
    reason: str


@dataclass
class Listing:
    """What a folder holds; names are relative to it, with forward slashes."""

    pictures: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Files that are no pictures."""


def list_folder(folder: Path, known: frozenset[str]) -> Listing:
    """Everything below a folder, sorted; what begins with a dot is passed over.

    Raises OnetagError when the folder cannot be read.
    """
    if not folder.is_dir():
        raise OnetagError(f"{folder} is not a folder.", "Give the folder that holds the images.")
    found = Listing()
    try:
        for entry in _walk(folder, found):
            _sort_in(folder, entry, known, found)
    except OSError as error:
        raise OnetagError(f"{folder} cannot be read ({error.strerror}).", "Check its permissions.") from None
    found.pictures.sort()
    found.problems.sort(key=lambda problem: problem.file)
    found.others.sort()
    return found


def unshown(head: bytes) -> str | None:
    """Why browsers do not show a picture that begins like this; None for one that they show, or for none."""
    if head.startswith((b"II*\x00", b"MM\x00*", b"8BPS", b"\x00\x00\x00\x0cjP  ")):
        return NOT_SHOWN
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return NOT_SHOWN
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return SVG if start.startswith(b"<") and b"<svg" in start else None


def is_shown(head: bytes) -> bool:
    """Whether a file that begins like this is a picture that browsers show.

    >>> is_shown(b"GIF89a..."), is_shown(b"BMW, Audi"), is_shown(b"#!/bin/sh")
    (True, False, False)
    """
    if head.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")):
        return True
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") in BITMAP_HEADERS
    webp = head.startswith(b"RIFF") and head[8:12] == b"WEBP"
    return webp or (head[4:8] == b"ftyp" and head[8:12] in (b"avif", b"avis"))


def _walk(folder: Path, found: Listing, below: str = "") -> Iterator[str]:
    """The names of all files below, and of all links."""
    for entry in os.scandir(folder / below):
        if entry.name.startswith("."):
            continue
        name = below + entry.name
        if not _is_utf8(name):
            shown = os.fsencode(name).decode(errors="backslashreplace")
            found.problems.append(Problem(shown, "its name is not UTF-8: rename it"))
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(folder, found, f"{name}/")
        else:
            yield name


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _sort_in(folder: Path, name: str, known: frozenset[str], found: Listing) -> None:
    file, suffix = folder / name, Path(name).suffix.lower()
    if file.is_symlink():
        reason = _wrong_with_link(folder, file, is_known=name in known)
        if reason is not None:
            looks_like = (
                file.is_dir() or suffix in SHOWN_BY_BROWSERS or suffix in OTHER_PICTURES or not suffix
            )
            found.problems.append(Problem(name, reason)) if looks_like else found.others.append(name)
            return
    if suffix in SHOWN_BY_BROWSERS:
        found.pictures.append(name)
        return
    try:
        head = _head(file)
    except OSError as error:
        found.problems.append(Problem(name, f"cannot be read: {error.strerror or error}"))
        return
    reason = OTHER_PICTURES.get(suffix) or unshown(head)
    if reason is not None:
        found.problems.append(Problem(name, reason))
    else:
        (found.pictures if is_shown(head) else found.others).append(name)


def _wrong_with_link(folder: Path, link: Path, *, is_known: bool) -> str | None:
    """Why a link is left out; None for one to a file here that was imported under this name before."""
    target, here = link.resolve(), folder.resolve()
    if not target.exists():
        return "a link that leads nowhere: No such file"
    if not target.is_relative_to(here):
        return "a link that leads out of the folder: put what it leads to into the folder itself"
    if target.is_dir():
        return f"a link to the folder {target.relative_to(here).as_posix() or '.'}, which is taken itself"
    if is_known:
        return None
    return f"a link to {target.relative_to(here).as_posix()}, which is taken itself"


def _head(file: Path) -> bytes:
    """The first bytes of a file; none of what is no file, such as a pipe, which might never send any."""
    if not file.is_file():
        return b""
    with file.open("rb") as stream:
        return stream.read(HEAD)
