"""What every export format is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from annotator.exchange.rows import ExportRow

if TYPE_CHECKING:
    import numpy.typing as npt

DIGITS = 4  # stored as float16: more digits would be noise, and 0.9999 is the surest guess


@dataclass(frozen=True)
class ExportTable:
    """One row an image over the same labels, read once from first to last."""

    project: str
    version: str | None
    labels: tuple[str, ...]
    rows: Iterator[ExportRow]


@dataclass(frozen=True)
class ExportFormat:
    """A format: its name (also the file's suffix), what it is good for, and how a table is written."""

    name: str
    description: str
    write: Callable[[ExportTable, BinaryIO], None]


def rounded(probabilities: npt.NDArray[np.float32]) -> list[float]:
    """Probabilities as Python floats of few digits; NaN stays NaN."""
    values: list[float] = np.round(probabilities.astype(np.float64), DIGITS).tolist()
    return values


def human_labels(row: ExportRow, labels: tuple[str, ...]) -> list[str]:
    """The labels of which a person said something on this image, in the order of the labels."""
    return [labels[column] for column in row.human.nonzero()[0]]
