"""Parquet: typed columns, null for unknown, and metadata that tell where it comes from."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pyarrow import parquet

from tests.annotator.exchange.conftest import LABELS, Pets


@pytest.fixture
def file(pets: Pets, tmp_path: Path) -> Path:
    output = tmp_path / "labels.parquet"
    pets.export("parquet", output)
    return output


def test_columns_have_types(file: Path) -> None:
    schema = parquet.read_schema(file)  # type: ignore[no-untyped-call]
    types = {field.name: str(field.type) for field in schema}
    assert list(types) == [
        "image", "label_studio_image", "task", "model_version", "split", "observed_positive",
        "observed_negative", *(f"{kind}{label}" for label in LABELS for kind in ("p:", "d:", "h:")),
    ]  # fmt: skip
    assert (types["image"], types["task"], types["p:young"]) == ("string", "int64", "float")
    assert (types["d:young"], types["h:young"]) == ("bool", "bool")
    assert types["observed_positive"].startswith("list<")


def test_pyarrow_reads_every_value_decision_and_mask(
    pets: Pets, file: Path, same: Callable[[Any, Any], bool]
) -> None:
    table = parquet.ParquetFile(file).read()  # type: ignore[no-untyped-call]
    for column, label in enumerate(LABELS):
        assert same(table[f"p:{label}"].to_pylist(), [row.probabilities[column] for row in pets.rows])
        decided = [{1: True, -1: False, 0: None}[row.decisions[column]] for row in pets.rows]
        assert table[f"d:{label}"].to_pylist() == decided
        assert table[f"h:{label}"].to_pylist() == [row.human[column] for row in pets.rows]
    assert table["task"].to_pylist() == [row.task for row in pets.rows]
    assert table["model_version"].to_pylist() == [row.version for row in pets.rows]


def test_pandas_keeps_unknown_apart_from_absent(pets: Pets, file: Path) -> None:
    frame = pd.read_parquet(file)
    assert frame["p:young"].isna().tolist() == [row.probabilities[3] is None for row in pets.rows]


def test_metadata_tell_version_labels_and_the_card(file: Path) -> None:
    metadata = parquet.ParquetFile(file).metadata.metadata  # type: ignore[no-untyped-call]
    assert json.loads(metadata[b"onetag.labels"]) == list(LABELS)
    assert metadata[b"onetag.model_version"] == b"v0001"
    assert metadata[b"onetag.project"] == b"Pets"
    card = json.loads(metadata[b"onetag.card"])
    assert [label["threshold"] for label in card["labels"]] == [0.8, 0.6, None, None]
    assert not list(file.parent.glob("*card*")), "the card is in the file"


def test_rows_are_written_in_pieces(pets: Pets, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("annotator.exchange.parquet.MOST_ROWS_AT_ONCE", 4)
    pets.export("parquet", tmp_path / "labels.parquet")
    written = parquet.ParquetFile(tmp_path / "labels.parquet")  # type: ignore[no-untyped-call]
    assert (written.num_row_groups, written.metadata.num_rows) == (2, 6)
