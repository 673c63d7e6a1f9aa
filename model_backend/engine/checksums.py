"""What a version's folder is checked against: the SHA-256 of each file, as `sha256sum --check` reads it."""

from __future__ import annotations

import hashlib
from pathlib import Path

SUMS_FILE = "SHA256SUMS"


def write_sums(folder: Path) -> None:
    """Write down what the files of a folder hold. Raises what the disk raises (OSError).

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     _ = (folder / "weights").write_text("1 2 3")
    ...     write_sums(folder)
    ...     _ = (folder / "weights").write_text("1 2 4")
    ...     damaged_file(folder)
    'weights'
    """
    lines = [f"{_digest(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / SUMS_FILE).write_text("".join(lines), encoding="utf-8")


def damaged_file(folder: Path) -> str | None:
    """The first file that is not as it was written; None where all are, or where no sums were written.

    Of a folder that is gone, its own name.
    """
    try:
        lines = (folder / SUMS_FILE).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None if folder.is_dir() else folder.name  # releases of before wrote no sums
    except (OSError, ValueError):
        return SUMS_FILE
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            if digest != _digest(folder / name):
                return name or SUMS_FILE
        except (OSError, ValueError):
            return name or SUMS_FILE
    return None if lines else SUMS_FILE


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
