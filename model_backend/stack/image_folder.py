"""A folder of pictures, looked through before anything is imported: what can be used, and what cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from annotator.errors import OnetagError

SHOWN_BY_BROWSERS = frozenset({".jpg", ".jpeg", ".png", ".gif", ".webp", ".bmp", ".avif"})
OTHER_PICTURES = frozenset({".tif", ".tiff", ".heic", ".heif", ".jp2", ".psd", ".raw", ".dng"})
WORKERS = 4


@dataclass(frozen=True)
class Problem:
    """A file that is left out, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class Found:
    """What a folder holds; names are relative to it, with forward slashes, sorted."""

    files: tuple[str, ...]
    problems: tuple[Problem, ...]
    ignored: int
    """Files that do not even look like pictures."""


def look_through(
    folder: Path,
    max_bytes: int,
    max_pixels: int,
    known: frozenset[str] = frozenset(),
    only: frozenset[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Found:
    """Check every picture below `folder`; those in `known` were checked before and are only compared.

    `only` names the pictures to take; None takes all.
    Raises OnetagError when the folder cannot be read or holds no usable picture.
    """
    pictures, others = _listing(folder)
    pictures = [name for name in pictures if only is None or name in only]
    problems = [
        Problem(name, "browsers cannot show this format: convert it to PNG or JPEG")
        for name in others
        if Path(name).suffix.lower() in OTHER_PICTURES
    ]
    first: dict[str, str] = {}
    usable = []

    def look(name: str) -> tuple[str, str | None]:
        return _look(folder / name, max_bytes, max_pixels, checked=name in known)

    with ThreadPoolExecutor(WORKERS) as pool:
        for done, (name, (digest, reason)) in enumerate(
            zip(pictures, pool.map(look, pictures), strict=True), 1
        ):
            if reason is None and first.setdefault(digest, name) != name:
                reason = f"the same picture as {first[digest]}"
            if reason is None:
                usable.append(name)
            else:
                problems.append(Problem(name, reason))
            if progress:
                progress(done, len(pictures))
    if not usable:
        raise _nothing(folder, problems)
    ignored = len(others) - sum(1 for problem in problems if problem.file in others)
    return Found(tuple(usable), tuple(problems), ignored)


def _listing(folder: Path) -> tuple[list[str], list[str]]:
    """(pictures by their suffix, other files), hidden ones left out."""
    if not folder.is_dir():
        raise OnetagError(f"{folder} is not a folder.", "Give the folder that holds the images.")
    try:
        names = sorted(file.relative_to(folder).as_posix() for file in _walk(folder))
    except OSError as error:
        raise OnetagError(f"{folder} cannot be read ({error.strerror}).", "Check its permissions.") from None
    shown = [name for name in names if Path(name).suffix.lower() in SHOWN_BY_BROWSERS]
    return shown, sorted(set(names) - set(shown))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in folder.iterdir():
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():
            yield from _walk(entry)
        elif not entry.is_dir():
            yield entry


def _look(file: Path, max_bytes: int, max_pixels: int, *, checked: bool) -> tuple[str, str | None]:
    """(digest of the bytes, what is wrong or None)."""
    from model_backend.images import open_image  # noqa: PLC0415 (torch is slow to import)

    try:
        size = file.stat().st_size
        if size > max_bytes:
            return (
                "",
                f"{size / 2**20:.0f} MiB, more than the {max_bytes / 2**20:.0f} of ONETAG_MAX_IMAGE_BYTES",
            )
        data = file.read_bytes()
        if not checked:
            open_image(data, max_pixels)
    except OSError as error:
        return "", f"cannot be read: {error.strerror or error}"
    except ValueError as error:
        return "", str(error)
    return hashlib.sha256(data).hexdigest(), None


def _nothing(folder: Path, problems: list[Problem]) -> OnetagError:
    if not problems:
        kinds = ", ".join(sorted(SHOWN_BY_BROWSERS))
        return OnetagError(f"{folder} holds no pictures ({kinds}).", "Give the folder that does.")
    first = problems[0]
    return OnetagError(
        f"None of the {len(problems)} pictures in {folder} can be used. {first.file}: {first.reason}.",
        "Mend the pictures, or give another folder.",
    )
