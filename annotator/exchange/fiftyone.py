"""FiftyOne's `FiftyOneImageClassificationDataset`: pictures in `data/`, labels in `labels.json`.

Each image has one classification for each label that is known or estimated: its value as `confidence`, and
as attributes the `decision` and whether a person said it (`human`). Unknown labels are left out. `rows.jsonl`
has the whole row of each picture under the same `key`, with where it comes from.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

from annotator.exchange.pictures import store_picture
from annotator.exchange.rows import ExportRow
from annotator.exchange.table import DECISIONS, ExportFormat, ExportTable, json_bytes, json_values, record


def write(table: ExportTable, folder: Path) -> None:
    """Write the pictures that can be read from here, and their labels.

    An image whose picture cannot be read is left out and counted. Raises OnetagError when none can be.
    """
    with (folder / "labels.json").open("wb") as stream, (folder / "rows.jsonl").open("wb") as rows:
        stream.write(b'{"classes": ' + json_bytes(table.labels) + b',\n"labels": {')
        separator = b"\n"
        for row in table.rows:
            data = table.picture(row)
            if data is None:
                continue
            file = PurePosixPath(store_picture(row, data, folder / "data"))
            key = str(file.with_suffix(""))
            stream.write(separator + json_bytes(key) + b": " + json_bytes(_classifications(row)))
            rows.write(json_bytes({"key": key} | record(row, table.labels)) + b"\n")
            separator = b",\n"
        stream.write(b"}}\n")
    table.require_pictures()


def _classifications(row: ExportRow) -> list[dict[str, Any]]:
    said = zip(json_values(row), row.decisions.tolist(), row.human.tolist(), strict=True)
    return [
        {
            "label": column,
            "confidence": float(value),
            "attributes": {"decision": DECISIONS[decision], "human": human},
        }
        for column, (value, decision, human) in enumerate(said)
        if value is not None
    ]


FIFTYONE = ExportFormat(
    "fiftyone",
    "A folder with the pictures, as FiftyOne imports classifications.",
    write,
    folder=True,
)
