"""CSV: opens anywhere. A person's value reads 0 or 1, a guess has digits, unknown is an empty cell."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, human_labels, rounded

COLUMNS = ("image", "task", "model_version", "observed_positive", "observed_negative", "human")
PREFIX = "p:"  # before a label, so that no label is mistaken for another column, or for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'")


def write(table: ExportTable, stream: BinaryIO) -> None:
    """Write UTF-8 with a header. Columns of several labels hold a JSON list."""
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="", write_through=False)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *(PREFIX + label for label in table.labels)])
    writer.writerows(_cells(row, table.labels) for row in table.rows)
    text.flush()
    text.detach()


def _cells(row: ExportRow, labels: tuple[str, ...]) -> list[str]:
    return [
        safe(row.image),
        "" if row.task is None else str(row.task),
        safe(row.version or ""),
        _listed(row.positives),
        _listed(row.negatives),
        _listed(human_labels(row, labels)),
        *_values(row),
    ]


def _values(row: ExportRow) -> Iterator[str]:
    for probability, human in zip(rounded(row.probabilities), row.human.tolist(), strict=True):
        if human:
            yield "1" if probability else "0"
        else:
            yield "" if math.isnan(probability) else f"{probability:.4f}"


def _listed(names: Sequence[str]) -> str:
    return json.dumps(names, ensure_ascii=False)


def safe(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet would take for a formula.

    Reversible: a cell that begins with an apostrophe gets one more.
    """
    return f"'{cell}" if cell.startswith(FORMULA) else cell


CSV = ExportFormat("csv", "A column a label, for spreadsheets and pandas.", write)
