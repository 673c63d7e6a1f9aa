"""Label Studio's JSON: tasks with predictions, to be imported into a project with the same labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, json_bytes, named, record
from annotator.labelstudio.config import LabelConfig, build_config, parse_config
from annotator.labelstudio.predictions import prediction


def write(table: ExportTable, file: Path) -> None:
    """Write a list of tasks: the image, the whole row as `meta`, and one prediction.

    It ticks what is decided as present; its score is how sure the estimates are on average, for Label
    Studio's uncertainty sampling. Without a model version tasks carry no prediction.
    """
    config = table.config or parse_config(build_config(table.labels))
    with file.open("wb") as stream:
        stream.write(b"[")
        for place, row in enumerate(table.rows):
            stream.write((b",\n" if place else b"\n") + json_bytes(_task(row, table.labels, config)))
        stream.write(b"\n]\n")


def _task(row: ExportRow, labels: tuple[str, ...], config: LabelConfig) -> dict[str, Any]:
    shown = named(labels, row.decisions > 0)
    predicted = [prediction(shown, row.version, sureness(row), config.ticks)] if row.version else []
    meta = record(row, labels) | {"id": row.image_id}
    return {"data": {config.image_field: row.uri}, "meta": {"onetag": meta}, "predictions": predicted}


def sureness(row: ExportRow) -> float:
    """The mean of max(p, 1 - p) over the estimates; 1 where nothing is estimated."""
    estimates = row.values[(row.observed == 0) & ~np.isnan(row.values)].astype(np.float64)
    return round(float(np.maximum(estimates, 1 - estimates).mean()), 4) if len(estimates) else 1.0


LABEL_STUDIO = ExportFormat(
    "labelstudio",
    "Tasks with predictions, for an import into Label Studio.",
    write,
    suffix=".json",
)
