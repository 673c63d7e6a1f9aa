"""COCO's JSON at the level of images: what is there as annotations, what is not as LVIS writes it.

An annotation says that a category is in an image; it has no box. As in LVIS (Gupta et al., 2019),
`neg_category_ids` are those that are not there and `not_exhaustive_category_ids` those that are not decided.
`values`, `decisions` and `human` hold a whole row, in the order of the categories.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, json_bytes, json_values


def write(table: ExportTable, file: Path) -> None:
    """Write images first and annotations after them: these wait in a file of their own meanwhile."""
    with file.open("wb") as stream, TemporaryFile(dir=file.parent) as waiting:
        categories = [{"id": number, "name": label} for number, label in enumerate(table.labels, 1)]
        stream.write(b'{"categories": ' + json_bytes(categories) + b',\n"images": [')
        last = 0
        for place, row in enumerate(table.rows):
            stream.write((b",\n" if place else b"\n") + json_bytes(_image(row)))
            for annotation in _annotations(row, last + 1):
                last = annotation["id"]
                waiting.write((b",\n" if last > 1 else b"\n") + json_bytes(annotation))
        stream.write(b'],\n"annotations": [')
        _append(waiting, stream)
        stream.write(b'],\n"info": ' + json_bytes(table.card()) + b"}\n")


def _append(waiting: Any, stream: BinaryIO) -> None:
    waiting.seek(0)
    shutil.copyfileobj(waiting, stream)


def _image(row: ExportRow) -> dict[str, Any]:
    return {
        "id": row.image_id,
        "file_name": row.image,
        "width": row.width,
        "height": row.height,
        "label_studio_image": row.address,
        "task": row.task,
        "model_version": row.version,
        "split": row.split,
        "neg_category_ids": _numbers(row, -1),
        "not_exhaustive_category_ids": _numbers(row, 0),
        "values": json_values(row),
        "decisions": [None if each == 0 else each > 0 for each in row.decisions.tolist()],
        "human": row.human.tolist(),
    }


def _annotations(row: ExportRow, first: int) -> Iterator[dict[str, Any]]:
    values, human = json_values(row), row.human.tolist()
    for number, category in enumerate(_numbers(row, 1), first):
        yield {
            "id": number,
            "image_id": row.image_id,
            "category_id": category,
            "iscrowd": 0,
            "score": values[category - 1],
            "human": human[category - 1],
        }


def _numbers(row: ExportRow, decision: int) -> list[int]:
    """The categories with this decision, counted from 1."""
    numbers: list[int] = ((row.decisions == decision).nonzero()[0] + 1).tolist()
    return numbers


COCO = ExportFormat(
    "coco",
    "One JSON file with image-level annotations, as COCO and LVIS write them.",
    write,
    suffix=".json",
    card_inside=True,
)
