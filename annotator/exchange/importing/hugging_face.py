"""Hugging Face's `imagefolder`: pictures with a metadata file of JSON lines, CSV or Parquet beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from annotator.exchange.importing.comma_separated import table_of
from annotator.exchange.importing.entry import Entry, ImportFormat, Reading, broken, with_names_beside
from annotator.exchange.importing.streams import opened
from annotator.exchange.importing.tables import NEGATIVE, POSITIVE, SAMPLE, Row, Table, entries_of

METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
SUFFIXES = (".jsonl", ".ndjson", ".parquet")
ROWS_AT_ONCE = 1_000


def read(path: Path, reading: Reading) -> Iterator[Entry]:
    """One entry a row of every metadata file. Raises OnetagError naming the line that is broken."""
    files = metadata_files(path) if path.is_dir() else [path]
    if not files:
        raise broken(path, f"the folder holds none of {', '.join(METADATA)}.", "Name a folder that does.")
    reading = with_names_beside(path, reading)
    for file in files:
        folder = f"{file.parent.relative_to(path).as_posix()}/" if path.is_dir() else ""
        yield from _entries(file, reading, "" if folder == "./" else folder)


def metadata_files(folder: Path) -> list[Path]:
    """The metadata files of a folder and of those below, such as its splits."""
    return sorted(file for name in METADATA for file in folder.rglob(name))


def _entries(file: Path, reading: Reading, folder: str) -> Iterator[Entry]:
    suffix = file.suffix.lower()
    if suffix == ".parquet":
        yield from entries_of(_parquet(file, reading, folder), reading)
    elif suffix in (".jsonl", ".ndjson"):
        yield from entries_of(_json_lines(file, reading, folder), reading)
    else:
        with table_of(file, reading, folder) as table:
            yield from entries_of(table, reading)


def _json_lines(file: Path, reading: Reading, folder: str) -> Table:
    rows = _objects(file, reading)
    sample = list(islice(rows, SAMPLE))
    if not sample:
        raise broken(file, "the file is empty.", "Name a file that holds labels.")
    header = tuple(dict.fromkeys(key for _, row in sample for key in row))
    if POSITIVE in header and NEGATIVE in header:  # our own export
        probabilities = sample[0][1].get("probabilities")
        reading.declare(list(probabilities) if isinstance(probabilities, dict) else [])
    cells: Iterator[Row] = ((line, [row.get(key) for key in header]) for line, row in chain(sample, rows))
    return Table(file, header, cells, folder=folder)


def _objects(file: Path, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
    with opened(file, reading.progress) as stream:
        for line, content in enumerate(stream, 1):
            if not content.strip():
                continue
            try:
                row = json.loads(content.decode("utf-8-sig" if line == 1 else "utf-8"))
            except json.JSONDecodeError as error:
                where = f"line {line:,}, column {error.colno:,}"
                raise broken(file, f"no JSON in {where} ({error.msg}).", "Correct that line.") from None
            except UnicodeDecodeError:
                raise broken(file, f"line {line:,} is not UTF-8.", "Save the file as UTF-8.") from None
            if not isinstance(row, dict):
                raise broken(file, f"line {line:,} holds no JSON object.", "Each line is one, for one image.")
            yield line, row


def _parquet(file: Path, reading: Reading, folder: str) -> Table:
    import pyarrow  # noqa: PLC0415 (slow to import)
    from pyarrow import parquet  # noqa: PLC0415 (the same)

    try:
        stored = parquet.ParquetFile(file)  # type: ignore[no-untyped-call]
    except (pyarrow.ArrowException, OSError) as error:
        raise broken(file, f"it is no Parquet file ({error}).", "Write it again.") from None
    header = tuple(stored.schema_arrow.names)
    wanted = [name for name in header if not _is_picture(stored.schema_arrow.field(name).type)]

    def rows() -> Iterator[Row]:
        total, done = stored.metadata.num_rows, 0
        batches = stored.iter_batches(ROWS_AT_ONCE, columns=wanted)  # type: ignore[no-untyped-call]
        for batch in batches:
            columns = [column.to_pylist() for column in batch.columns]
            for cells in zip(*columns, strict=True):
                done += 1
                yield done, cells
            reading.progress(done, total)

    return Table(file, tuple(wanted), rows(), unit="row", folder=folder)


def _is_picture(kind: Any) -> bool:
    """Whether a column holds the pictures themselves, which are not read here."""
    import pyarrow  # noqa: PLC0415 (slow to import)

    return bool(pyarrow.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def recognises(path: Path, head: bytes) -> bool:
    """By a metadata file in the folder, or the suffix of JSON lines and Parquet."""
    del head
    if path.is_dir():
        return bool(metadata_files(path))
    return path.suffix.lower() in SUFFIXES


HUGGING_FACE = ImportFormat(
    "huggingface",
    "Hugging Face's imagefolder: metadata.jsonl, .csv or .parquet with a column of labels, or one a label.",
    "a folder with a metadata file, a .jsonl or a .parquet file",
    recognises,
    read,
    negatives=True,
)
