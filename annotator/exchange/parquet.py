"""Parquet: typed columns, for training on many images. Unknown is null; `human` names a person's values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from annotator.exchange.rows import ExportRow
from annotator.exchange.table import ExportFormat, ExportTable, human_labels

if TYPE_CHECKING:
    import pyarrow

PREFIX = "p:"  # before a label, so that no label is mistaken for another column
ROWS_AT_ONCE = 5_000


def write(table: ExportTable, stream: BinaryIO) -> None:
    """Write a float32 column a label; the schema's metadata tell project, model version and labels."""
    from pyarrow import parquet  # noqa: PLC0415 (pyarrow is slow to import)

    schema = _schema(table)
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:  # type: ignore[no-untyped-call]
        while rows := list(islice(table.rows, ROWS_AT_ONCE)):
            writer.write_table(_columns(rows, table.labels, schema))


def _schema(table: ExportTable) -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    names = pa.list_(pa.field("item", pa.string(), nullable=False))
    metadata = {
        "onetag.software": version("onetag"),
        "onetag.project": table.project,
        "onetag.model_version": table.version or "",
        "onetag.labels": json.dumps(table.labels),
    }
    return pa.schema(
        [
            pa.field("image", pa.string(), nullable=False),
            pa.field("task", pa.int64()),
            pa.field("model_version", pa.string()),
            pa.field("observed_positive", names, nullable=False),
            pa.field("observed_negative", names, nullable=False),
            pa.field("human", names, nullable=False),
            *(pa.field(PREFIX + label, pa.float32()) for label in table.labels),
        ],
        metadata=metadata,
    )


def _columns(rows: Sequence[ExportRow], labels: tuple[str, ...], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    probabilities = np.stack([row.probabilities for row in rows])
    plain = (
        [row.image for row in rows],
        [row.task for row in rows],
        [row.version for row in rows],
        [row.positives for row in rows],
        [row.negatives for row in rows],
        [human_labels(row, labels) for row in rows],
    )
    columns = [pa.array(values, field.type) for values, field in zip(plain, schema, strict=False)]
    columns += [pa.array(column, pa.float32(), mask=np.isnan(column)) for column in probabilities.T]
    return pa.Table.from_arrays(columns, schema=schema)


PARQUET = ExportFormat("parquet", "Typed columns, compressed, for training on many images.", write)
