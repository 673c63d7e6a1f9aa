"""Hugging Face's `imagefolder`: pictures in a folder a split, and a table of what they show beside them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotator.exchange.pictures import store_picture
from annotator.exchange.rows import ExportRow
from annotator.exchange.splits import TRAIN
from annotator.exchange.table import ExportFormat, ExportTable, json_values, named

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE, CELLS_AT_ONCE = 1_000, 200_000
METADATA = "metadata.parquet"


def write(table: ExportTable, folder: Path) -> None:
    """Write `train` and, with a split, `validation`: pictures and `metadata.parquet`.

    An image whose picture cannot be read from here is left out and counted. Lists are in the order of
    `labels.txt`. Raises OnetagError when no picture at all can be read.
    """
    (folder / "labels.txt").write_text("".join(f"{label}\n" for label in table.labels), encoding="utf-8")
    with ExitStack() as stack:
        splits: dict[str, _Metadata] = {}
        for row in table.rows:
            data = table.picture(row)
            if data is None:
                continue
            name = row.split or TRAIN
            if name not in splits:
                splits[name] = stack.enter_context(_Metadata(folder / name))
            file = store_picture(row, data, folder / name)
            splits[name].add(_record(row, table.labels, file))
    table.require_pictures()


def _record(row: ExportRow, labels: tuple[str, ...], file: str) -> dict[str, Any]:
    return {
        "file_name": file,
        "source": row.image,
        "label_studio_image": row.address,
        "task": row.task,
        "model_version": row.version,
        "labels": named(labels, row.decisions > 0),
        "probabilities": json_values(row),
        "decisions": [None if each == 0 else each > 0 for each in row.decisions.tolist()],
        "human": row.human.tolist(),
    }


class _Metadata:
    """The table of one split, written a thousand rows at a time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: list[dict[str, Any]] = []

    def __enter__(self) -> _Metadata:
        from pyarrow import parquet  # noqa: PLC0415 (pyarrow is slow to import)

        self._folder.mkdir()
        self._schema = _schema()
        self._stream = (self._folder / METADATA).open("wb")
        self._writer: Any = parquet.ParquetWriter(self._stream, self._schema, compression="zstd")  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._write()
        with self._stream, nullcontext() if kind is None else suppress(OSError):  # the first error tells more
            self._writer.close()

    def add(self, record: dict[str, Any]) -> None:
        """Add the record of one image."""
        self._waiting.append(record)
        if len(self._waiting) * len(record["human"]) >= CELLS_AT_ONCE or len(self._waiting) == ROWS_AT_ONCE:
            self._write()

    def _write(self) -> None:
        self._writer.write_table(_table(self._waiting, self._schema))
        self._waiting = []


def _table(records: Sequence[dict[str, Any]], schema: pyarrow.Schema) -> pyarrow.Table:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    return pa.Table.from_pylist(list(records), schema=schema)


def _schema() -> pyarrow.Schema:
    import pyarrow as pa  # noqa: PLC0415 (pyarrow is slow to import)

    return pa.schema(
        {
            "file_name": pa.string(),
            "source": pa.string(),
            "label_studio_image": pa.string(),
            "task": pa.int64(),
            "model_version": pa.string(),
            "labels": pa.list_(pa.string()),
            "probabilities": pa.list_(pa.float32()),
            "decisions": pa.list_(pa.bool_()),
            "human": pa.list_(pa.bool_()),
        }
    )


IMAGE_FOLDER = ExportFormat(
    "imagefolder",
    "A folder with the pictures, for Hugging Face's datasets.",
    write,
    folder=True,
)
