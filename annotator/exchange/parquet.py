"""Parquet: typed columns, for training on many images. Unknown, and not decided, are null."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, json_bytes, named

if TYPE_CHECKING:
    import pyarrow

VALUE, DECISION, HUMAN = "p:", "d:", "h:"  # before a label, so that none is mistaken for another column
CELLS_AT_ONCE = 2_000_000
MOST_ROWS_AT_ONCE = 5_000
CARD = "onetag.card"


def write(table: ExportTable, file: Path) -> None:
    """Write three columns a label: `p:` float32, `d:` and `h:` bool; the metadata hold the data card."""
    from pyarrow import parquet  # noqa: PLC0415 (pyarrow is slow to import)

    schema = _schema(table)
    at_once = max(1, min(MOST_ROWS_AT_ONCE, CELLS_AT_ONCE // len(table.labels)))
    with file.open("wb") as stream, parquet.ParquetWriter(stream, schema, compression="zstd") as writer:  # type: ignore[no-untyped-call]
        while rows := list(islice(table.rows, at_once)):
            writer.write_table(_columns(rows, table.labels, schema))
        writer.add_key_value_metadata({CARD: json_bytes(table.card()).decode("utf-8")})


def _schema(table: ExportTable) -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    names = pa.list_(pa.field("item", pa.string(), nullable=False))
    metadata = {
        "onetag.software": version("onetag"),
        "onetag.project": table.project,
        "onetag.model_version": table.version or "",
        "onetag.labels": json.dumps(table.labels),
    }
    of_labels = [
        [
            pa.field(VALUE + label, pa.float32()),
            pa.field(DECISION + label, pa.bool_()),
            pa.field(HUMAN + label, pa.bool_(), nullable=False),
        ]
        for label in table.labels
    ]
    return pa.schema(
        [
            pa.field("image", pa.string(), nullable=False),
            pa.field("label_studio_image", pa.string(), nullable=False),
            pa.field("task", pa.int64()),
            pa.field("model_version", pa.string()),
            pa.field("split", pa.string()),
            pa.field("observed_positive", names, nullable=False),
            pa.field("observed_negative", names, nullable=False),
            *(field for fields in of_labels for field in fields),
        ],
        metadata=metadata,
    )


def _columns(rows: Sequence[ExportRow], labels: tuple[str, ...], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    plain = (
        [row.image for row in rows],
        [row.address for row in rows],
        [row.task for row in rows],
        [row.version for row in rows],
        [row.split for row in rows],
        [named(labels, row.observed > 0) for row in rows],
        [named(labels, row.observed < 0) for row in rows],
    )
    columns = [pa.array(values, field.type) for values, field in zip(plain, schema, strict=False)]
    values, decisions, human = (
        np.stack([getattr(row, name) for row in rows]).T for name in ("values", "decisions", "human")
    )
    for value, decision, said in zip(values, decisions, human, strict=True):
        columns.append(pa.array(value, pa.float32(), mask=np.isnan(value)))
        columns.append(pa.array(decision > 0, pa.bool_(), mask=decision == 0))
        columns.append(pa.array(said, pa.bool_()))
    return pa.Table.from_arrays(columns, schema=schema)


PARQUET = ExportFormat(
    "parquet",
    "Typed columns, compressed, for training on many images.",
    write,
    suffix=".parquet",
    card_inside=True,
)
