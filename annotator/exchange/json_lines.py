"""JSON lines: one object an image, for scripts. A person's value is 0 or 1, unknown is null."""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, human_labels, rounded


def write(table: ExportTable, stream: BinaryIO) -> None:
    """Write one UTF-8 object a line."""
    for row in table.rows:
        line = json.dumps(_plain(row, table.labels), ensure_ascii=False, allow_nan=False)
        stream.write(line.encode("utf-8") + b"\n")


def _plain(row: ExportRow, labels: tuple[str, ...]) -> dict[str, Any]:
    values = zip(rounded(row.probabilities), row.human.tolist(), strict=True)
    return {
        "image": row.image,
        "task": row.task,
        "model_version": row.version,
        "observed_positive": row.positives,
        "observed_negative": row.negatives,
        "human": human_labels(row, labels),
        "probabilities": dict(
            zip(labels, (_value(probability, human=human) for probability, human in values), strict=True)
        ),
    }


def _value(probability: float, *, human: bool) -> float | int | None:
    if human:
        return int(probability)
    return None if math.isnan(probability) else probability


JSONL = ExportFormat("jsonl", "One JSON object an image and line, for scripts.", write)
