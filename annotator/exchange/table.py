"""What every export format is given, and what it is."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from annotator.errors import OnetagError
from annotator.exchange.pictures import PictureReader, no_pictures
from annotator.exchange.rows import ExportRow
from annotator.labelstudio.config import LabelConfig

if TYPE_CHECKING:
    import numpy.typing as npt

DIGITS = 4  # stored as float16: more digits would be noise, and 0.9999 is the surest estimate
DECISIONS = {1: "present", -1: "absent", 0: None}
CARD_FILE = "card.json"


@dataclass(frozen=True)
class ExportTable:
    """One row an image over the same labels, read once from first to last.

    config: of the project in Label Studio; None where it has none. read_picture: for formats that take
    pictures along, and `pictures` counts them. card: the data card, to be asked for when all rows have been
    read.
    """

    project: str
    version: str | None
    labels: tuple[str, ...]
    rows: Iterator[ExportRow]
    config: LabelConfig | None = None
    read_picture: PictureReader = no_pictures
    card: Callable[[], dict[str, Any]] = dict
    pictures: PictureCount = field(default_factory=lambda: PictureCount())

    def picture(self, row: ExportRow) -> bytes | None:
        """The bytes of a row's picture, counted; None where it cannot be read from here."""
        data = self.read_picture(row.uri)
        self.pictures.taken += data is not None
        self.pictures.lacking += data is None
        return data

    def require_pictures(self) -> None:
        """Raises OnetagError when not one picture could be taken along."""
        if not self.pictures.taken:
            raise OnetagError(
                f"None of the {self.pictures.lacking:,} pictures can be read from here, and this format "
                "holds the pictures themselves.",
                "Set ONETAG_LOCAL_FILES_ROOT to the folder above them, or choose a format without pictures.",
            )


@dataclass
class PictureCount:
    """How many pictures an export took along, and how many it could not read."""

    taken: int = 0
    lacking: int = 0


@dataclass(frozen=True)
class ExportFormat:
    """A format: its name, what it is good for, and how a table is written.

    write: makes a new file at the path it is given or, where `folder` is true, fills the empty folder there.
    card_inside: the format holds the data card itself; else it lies beside a file, or in the folder.
    """

    name: str
    description: str
    write: Callable[[ExportTable, Path], None]
    suffix: str = ""
    folder: bool = False
    card_inside: bool = False

    @property
    def default_output(self) -> str:
        """Where an export goes when nobody says where."""
        return (
            f"labels{self.suffix}" if self.suffix == f".{self.name}" else f"labels-{self.name}{self.suffix}"
        )


def rounded(values: npt.NDArray[np.float32]) -> list[float]:
    """Values as Python floats of few digits; NaN stays NaN."""
    plain: list[float] = np.round(values.astype(np.float64), DIGITS).tolist()
    return plain


def json_values(row: ExportRow) -> list[float | int | None]:
    """The values for JSON: None for unknown, whole numbers for 0 and 1."""
    return [_json_value(value) for value in rounded(row.values)]


def _json_value(value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if value in (0, 1) else value


def named(labels: tuple[str, ...], chosen: npt.NDArray[np.bool_]) -> list[str]:
    """The chosen labels (bool (L,)), in the order of the labels."""
    return [labels[column] for column in chosen.nonzero()[0]]


def record(row: ExportRow, labels: tuple[str, ...]) -> dict[str, Any]:
    """A row for formats that hold a JSON object an image."""
    return {
        "image": row.image,
        "label_studio_image": row.address,
        "task": row.task,
        "model_version": row.version,
        "split": row.split,
        "observed_positive": named(labels, row.observed > 0),
        "observed_negative": named(labels, row.observed < 0),
        "probabilities": dict(zip(labels, json_values(row), strict=True)),
        "decisions": dict(zip(labels, (DECISIONS[each] for each in row.decisions.tolist()), strict=True)),
        "human": dict(zip(labels, row.human.tolist(), strict=True)),
    }


def json_bytes(value: Any, *, indent: int | None = None) -> bytes:
    """UTF-8 JSON with readable alphabets; the same value always gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent).encode("utf-8")
