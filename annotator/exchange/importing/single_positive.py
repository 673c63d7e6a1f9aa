"""The arrays of the single-positive papers: formatted_<split>_images.npy beside the labels of that split.

`..._labels.npy` holds every label (1 present, 0 absent), `..._labels_obs.npy` what is observed of them (1,
-1, and 0 for unknown). A folder is read with what is observed, where that is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken, with_names_beside

if TYPE_CHECKING:
    import numpy.typing as npt

NAMES = re.compile(r"formatted_(?P<split>[a-z]+)_(?:[a-z]+_)?labels(?P<observed>_obs)?\.npy")
GIVE_NAMES = "Give them, one a line in the order of the columns, as a file with --label-names."
ROWS_AT_ONCE = 1_000


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry a row. Raises OnetagError where the arrays do not fit together or the names are missing."""
    reading = with_names_beside(path if path.is_dir() else path.parent, reading)
    for file in _label_files(path):
        yield from _rows(file, reading)


def _label_files(path: Path) -> list[Path]:
    """The arrays of labels to read: one a split, what is observed before what is true."""
    if path.is_file():
        return [path]
    chosen: dict[str, Path] = {}
    for file in sorted(path.glob("formatted_*labels*.npy")):
        found = NAMES.fullmatch(file.name)
        if found is None:
            continue
        split, observed = found["split"], bool(found["observed"])
        if split in chosen and observed and chosen[split].name.endswith("_obs.npy"):
            raise broken(
                path,
                f"two files say what is observed: {chosen[split].name} and {file.name}.",
                "Name the one to import.",
            )
        if split not in chosen or observed:
            chosen[split] = file
    if not chosen:
        raise broken(path, "the folder holds no formatted_<split>_labels.npy.", "Name a folder that does.")
    return list(chosen.values())


def _rows(file: Path, reading: Reading) -> Iterator[Entry]:
    found = NAMES.fullmatch(file.name)
    if found is None:
        raise broken(
            file,
            "its name is not that of labels.",
            "They are called formatted_<split>_labels.npy or ..._obs.npy.",
        )
    images = _array(file.with_name(f"formatted_{found['split']}_images.npy"))
    labels = _array(file)
    if images.ndim != 1 or images.dtype.kind not in "US" or labels.ndim != 2 or len(images) != len(labels):
        raise broken(
            file,
            f"images of shape {images.shape} and labels of shape {labels.shape} do not belong together.",
            "They are N names and N x L numbers.",
        )
    names = reading.options.label_names
    if len(names) != labels.shape[1]:
        known = f"{len(names):,} names were given" if names else "the file holds no names"
        raise broken(file, f"it has {labels.shape[1]:,} labels, and {known}.", GIVE_NAMES)
    reading.declare(names)
    columns = np.array(names, dtype=object)
    for start in range(0, len(labels), ROWS_AT_ONCE):
        piece = np.asarray(labels[start : start + ROWS_AT_ONCE])
        _check(file, piece, start, observed=bool(found["observed"]))
        for name, row in zip(images[start : start + ROWS_AT_ONCE], piece, strict=True):
            yield _entry(_text(name), row, columns, observed=bool(found["observed"]))
        reading.progress(min(start + ROWS_AT_ONCE, len(labels)), len(labels))


def _entry(name: str, row: npt.NDArray[Any], columns: npt.NDArray[Any], *, observed: bool) -> Entry:
    present = columns[row == 1].tolist()
    if observed:
        return Entry(name, present, absent=columns[row == -1].tolist())
    return Entry(name, present, explicit=True)


def _check(file: Path, piece: npt.NDArray[Any], start: int, *, observed: bool) -> None:
    allowed = (-1, 0, 1) if observed else (0, 1)
    wrong = ~np.isin(piece, allowed)
    if wrong.any():
        row, column = (int(at[0]) for at in wrong.nonzero())
        raise broken(
            file,
            f"row {start + row:,}, column {column:,} is {piece[row, column]}, not one of {allowed}.",
            "Labels are 0 and 1; what is observed is -1, 0 and 1.",
        )


def _array(file: Path) -> npt.NDArray[Any]:
    """An array on the disk, of which only what is looked at is read; never one with Python objects in it."""
    try:
        found: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise broken(file, "there is no such file.", "It belongs beside the labels.") from None
    except (OSError, ValueError, EOFError) as error:
        raise broken(
            file, f"it is no array of numbers or names ({error}).", "Write it again with np.save."
        ) from None
    return found


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def recognises(path: Path, head: bytes) -> bool:
    """By the names of the files."""
    if path.is_dir():
        return next(path.glob("formatted_*_images.npy"), None) is not None
    return head.startswith(b"\x93NUMPY")


SINGLE_POSITIVE = ImportFormat(
    "npy",
    "The arrays of the single-positive papers: formatted_<split>_images.npy and ..._labels(_obs).npy.",
    "a folder with formatted_*_images.npy, or one of its .npy files of labels",
    recognises,
    read,
    negatives=True,
)
