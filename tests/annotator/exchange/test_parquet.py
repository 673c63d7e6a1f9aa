"""Parquet: typed columns, null for unknown, and metadata that tell where it comes from."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pyarrow as pa
import pytest
from pyarrow import parquet

from annotator.exchange import EXPORTS, ExportTable


def written(table: ExportTable) -> pa.Table:
    stream = io.BytesIO()
    EXPORTS["parquet"].write(table, stream)
    return parquet.ParquetFile(stream).read()  # type: ignore[no-untyped-call]


def test_columns_have_types(table: Callable[[], ExportTable]) -> None:
    schema = written(table()).schema
    types = {field.name: str(field.type) for field in schema}
    assert list(types) == [
        "image", "task", "model_version", "observed_positive", "observed_negative", "human",
        "p:cat, tame", 'p:=cmd|"x"!A1', "p:naïve 日本", "p:human",
    ]  # fmt: skip
    assert (types["image"], types["task"], types["p:human"]) == ("string", "int64", "float")
    assert types["human"].startswith("list<")


def test_unknown_is_null(table: Callable[[], ExportTable]) -> None:
    values = written(table())
    assert values["p:cat, tame"].to_pylist() == pytest.approx([1, 0.9999, 0])
    assert values["p:naïve 日本"].to_pylist() == [0.75, None, None]
    assert values["task"].to_pylist() == [101, None, 3]
    assert values["model_version"].to_pylist() == ["v0001", "v0001", None]
    assert values["human"].to_pylist() == [["cat, tame", "human"], [], ["cat, tame"]]
    assert values["observed_negative"].to_pylist() == [["human"], [], ["cat, tame"]]


def test_metadata_tell_version_and_labels(table: Callable[[], ExportTable]) -> None:
    metadata = written(table()).schema.metadata
    assert json.loads(metadata[b"onetag.labels"]) == ["cat, tame", '=cmd|"x"!A1', "naïve 日本", "human"]
    assert metadata[b"onetag.model_version"] == b"v0001"
    assert metadata[b"onetag.project"] == b"Pets"


def test_rows_are_written_in_pieces(
    table: Callable[[], ExportTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotator.exchange.parquet.ROWS_AT_ONCE", 2)
    stream = io.BytesIO()
    EXPORTS["parquet"].write(table(), stream)
    assert parquet.ParquetFile(stream).num_row_groups == 2  # type: ignore[no-untyped-call]
    assert written(table()).num_rows == 3


def test_an_empty_table_keeps_its_columns() -> None:
    assert written(ExportTable("Pets", None, ("cat",), iter(()))).shape == (0, 7)
