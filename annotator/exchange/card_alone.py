"""The data card of an export, without the export: what one with these choices would hold."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from annotator.exchange.table import ExportFormat, ExportTable, json_bytes


def write(table: ExportTable, file: Path) -> None:
    """Write the card as one JSON object, when all rows have been counted."""
    deque(table.rows, maxlen=0)
    file.write_bytes(json_bytes(table.card(), indent=1) + b"\n")


CARD_ALONE = ExportFormat("card", "The data card alone.", write, suffix=".json", card_inside=True)
