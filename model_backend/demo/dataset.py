"""A folder with `images/` and `labels.csv`: the known truth that a demonstration is measured against."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError

MOST_HELD_OUT = 500


@dataclass(frozen=True)
class Dataset:
    """Images with every label known. `truth` is bool (N, L) in the order of `files` and `labels`."""

    labels: tuple[str, ...]
    files: tuple[Path, ...]
    truth: NDArray[np.bool_]

    def present(self, row: int) -> tuple[str, ...]:
        """The labels that are in image `row`."""
        return tuple(self.labels[column] for column in np.flatnonzero(self.truth[row]))

    @property
    def names(self) -> frozenset[str]:
        """The names of the files."""
        return frozenset(file.name for file in self.files)

    def subset(self, rows: NDArray[np.intp]) -> Dataset:
        """The images `rows`, in that order."""
        return Dataset(self.labels, tuple(self.files[row] for row in rows), self.truth[rows])


def read_dataset(folder: Path) -> Dataset:
    """Read `labels.csv` (header `image,<labels>`; lines of a file name and 0 or 1 a label); check its images.

    Raises OnetagError naming the line that cannot be read or the image that is missing.
    """
    table = folder / "labels.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            header, *lines = [line for line in csv.reader(stream) if line]
    except (OSError, UnicodeDecodeError) as error:
        raise OnetagError(
            f"{table} cannot be read ({error}).", "A data set is a folder with images/ and labels.csv."
        ) from None
    except ValueError:
        raise OnetagError(f"{table} is empty.", "Its first line is image,<labels>.") from None
    labels = _labels(table, header)
    files = []
    truth = np.zeros((len(lines), len(labels)), dtype=bool)
    for row, line in enumerate(lines):
        truth[row] = _values(table, row + 2, line, len(labels))
        files.append(folder / "images" / line[0])
    missing = [file for file in files if not file.is_file()]
    if missing:
        raise OnetagError(
            f"{table} names {len(missing)} images that are not there, {missing[0]} first.",
            "Put them there, or take their lines out.",
        )
    if len(files) < 2:
        raise OnetagError(
            f"{table} holds {len(files)} images; a demonstration needs some to tag and some to test on.",
            "Add images.",
        )
    return Dataset(labels, tuple(files), truth)


def _labels(table: Path, header: list[str]) -> tuple[str, ...]:
    first, *labels = [name.strip() for name in header]
    if first != "image" or not labels or len(set(labels)) < len(labels) or "" in labels:
        raise OnetagError(
            f"The first line of {table} does not name image and each label once.",
            "Write it as image,<label>,<label>.",
        )
    return tuple(labels)


def _values(table: Path, number: int, line: list[str], count: int) -> list[bool]:
    values = [value.strip() for value in line[1:]]
    if len(values) != count or not set(values) <= {"0", "1"}:
        raise OnetagError(
            f"Line {number} of {table} is not a file name and {count} times 0 or 1.", "Correct the line."
        )
    return [value == "1" for value in values]


def split(
    folder: Path, data: Dataset, images: int | None, held_out: int | None, seed: int
) -> tuple[Dataset, Dataset]:
    """(to tag, held out): as the folder's `split.csv` says, else drawn by the seed; `images` caps the first.

    Without `held_out` a quarter is held out, 500 at most.
    """
    rng = np.random.default_rng(seed)
    named = _named_split(folder, data)
    if named is None:
        order = rng.permutation(len(data.files))
        aside = min(MOST_HELD_OUT, len(order) // 4 or 1) if held_out is None else held_out
        if not 0 < aside < len(order):
            raise OnetagError(
                f"--held-out {aside} leaves nothing to tag or nothing to test on, of {len(order)} images.",
                "Hold out fewer images, and at least one.",
            )
        train, test = order[aside:], order[:aside]
    else:
        train, test = rng.permutation(np.flatnonzero(~named)), np.flatnonzero(named)
    return data.subset(train[:images]), data.subset(test)


def _named_split(folder: Path, data: Dataset) -> NDArray[np.bool_] | None:
    """Which images `split.csv` holds out; None when there is no such file."""
    table = folder / "split.csv"
    if not table.is_file():
        return None
    with table.open(encoding="utf-8", newline="") as stream:
        names = {line["image"] for line in csv.DictReader(stream) if line["split"] == "held-out"}
    named = np.array([file.name in names for file in data.files])
    if not named.any() or named.all():
        raise OnetagError(
            f"{table} must hold out some images of labels.csv and leave some.", "Mend or delete it."
        )
    return named
