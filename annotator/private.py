"""A data folder that its owner alone can look into: it holds secrets, addresses of images and answers."""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The rights of everybody but the owner."""
FOLDER = 0o700
FILE = 0o600

log = logging.getLogger(__name__)


@contextmanager
def private_folder(folder: Path) -> Iterator[None]:
    """The folder made private, and what this process makes meanwhile, there or elsewhere, made so."""
    before = os.umask(OTHERS)
    try:
        make_private(folder)
        yield
    finally:
        os.umask(before)


def make_private(folder: Path) -> None:
    """Make the folder where there is none, and take everybody else's rights from it and all that it holds.

    Links are left alone, and so is what they lead to. Rights that this user may not change are logged.
    Raises what the file system raises when the folder cannot be made (OSError).

    >>> import tempfile
    >>> made = Path(tempfile.mkdtemp()) / "data"
    >>> make_private(made)
    >>> oct(made.stat().st_mode & 0o777)
    '0o700'
    """
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
    kept = [path for path in _open_to_others(folder.resolve()) if not _close(path)]
    if kept:
        log.warning("Others may look into %s and %d more; its owner can change that.", kept[0], len(kept) - 1)


def _open_to_others(folder: Path) -> Iterator[Path]:
    """The folder, and the files and folders in it, that others have rights to."""
    if folder.stat().st_mode & OTHERS:
        yield folder
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            try:
                mode = path.lstat().st_mode
            except FileNotFoundError:  # another process has just removed it
                continue
            if mode & OTHERS and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                yield path


def _close(path: Path) -> bool:
    """Take others' rights from a file or folder; False where this user may not."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # never what a link leads to
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        os.fchmod(opened, stat.S_IMODE(os.fstat(opened).st_mode) & ~OTHERS)
    except OSError:
        return False
    finally:
        os.close(opened)
    return True
