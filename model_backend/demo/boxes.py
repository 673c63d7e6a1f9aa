"""`boxes.csv` of a data set: how much of each image its labels cover."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from annotator.errors import OnetagError
from model_backend.demo.dataset import Dataset

COLUMNS = "image", "label", "width", "height"


def read_areas(folder: Path, data: Dataset) -> NDArray[np.float64]:
    """(N, L): the areas of a label's boxes on an image, added up, in the square of the file's unit.

    folder: holds `boxes.csv`, a line a box: `image,label,width,height`; other columns may stand there. data:
    the images wanted, in their order; boxes of other images of the folder are passed over. A label without
    boxes has no area. Raises OnetagError naming the line that cannot be read, or that tells of a label which
    is not on its image.
    """
    table = folder / "boxes.csv"
    areas = np.zeros(data.truth.shape)
    rows = {file.name: row for row, file in enumerate(data.files)}
    columns = {label: column for column, label in enumerate(data.labels)}
    try:
        with table.open(encoding="utf-8-sig", newline="") as stream:
            lines = csv.DictReader(stream)
            if not set(COLUMNS) <= set(lines.fieldnames or ()):
                raise OnetagError(
                    f"The first line of {table} lacks one of {', '.join(COLUMNS)}.", "Name these columns."
                )
            for line in lines:
                problem = _add(areas, line, rows, columns, folder / "images", data)
                if problem:
                    raise OnetagError(f"Line {lines.line_num} of {table} {problem}.", "Correct the line.")
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OnetagError(
            f"{table} cannot be read ({error}).",
            "The size bias needs it: a line a box, image,label,width,height. Or choose another --bias.",
        ) from None
    return areas


def _add(
    areas: NDArray[np.float64],
    line: dict[str, str | None],
    rows: dict[str, int],
    columns: dict[str, int],
    images: Path,
    data: Dataset,
) -> str:
    """Count a box in; what is wrong with its line, if something is."""
    image, label = (str(line[name] or "").strip() for name in COLUMNS[:2])
    if label not in columns:
        return f"names the label {label!r}, which labels.csv does not have"
    if image not in rows:
        return "" if image and (images / image).is_file() else f"names {image!r}, which is not in images/"
    row, column = rows[image], columns[label]
    if not data.truth[row, column]:
        return f"has a box of {label!r} on {image}, where labels.csv has a 0"
    try:
        width, height = (float(str(line[name])) for name in COLUMNS[2:])
    except ValueError:
        width = height = -1.0
    if not (isfinite(width * height) and min(width, height) >= 0):
        return "has no width and height of 0 or more"
    areas[row, column] += width * height
    return ""
