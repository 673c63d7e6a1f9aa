"""JSON lines: one object an image, for scripts. A person's value is 0 or 1, unknown is null."""

from __future__ import annotations

from pathlib import Path

from annotator.exchange.table import ExportFormat, ExportTable, json_bytes, record


def write(table: ExportTable, file: Path) -> None:
    """Write one UTF-8 object a line."""
    with file.open("wb") as stream:
        for row in table.rows:
            stream.write(json_bytes(record(row, table.labels)) + b"\n")


JSONL = ExportFormat("jsonl", "One JSON object an image and line, for scripts.", write, suffix=".jsonl")
