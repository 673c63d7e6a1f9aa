"""CSV: safe to open in a spreadsheet, and three values that cannot be mistaken for one another."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable

import pytest

from annotator.exchange import EXPORTS, ExportTable
from annotator.exchange.comma_separated import safe


def written(table: ExportTable) -> list[list[str]]:
    stream = io.BytesIO()
    EXPORTS["csv"].write(table, stream)
    return list(csv.reader(io.StringIO(stream.getvalue().decode("utf-8"), newline="")))


def test_the_header_names_every_label(table: Callable[[], ExportTable]) -> None:
    assert written(table())[0] == [
        "image", "task", "model_version", "observed_positive", "observed_negative", "human",
        "p:cat, tame", 'p:=cmd|"x"!A1', "p:naïve 日本", "p:human",
    ]  # fmt: skip


def test_a_persons_value_a_guess_and_unknown_read_differently(table: Callable[[], ExportTable]) -> None:
    _, first, second, third = written(table())
    assert first[6:] == ["1", "0.2500", "0.7500", "0"]
    assert second[6:] == ["0.9999", "0.0001", "", "0.3333"]
    assert third[6:] == ["0", "", "", ""]


def test_columns_of_several_labels_hold_a_list(table: Callable[[], ExportTable]) -> None:
    _, first, second, third = written(table())
    assert [json.loads(cell) for cell in first[3:6]] == [["cat, tame"], ["human"], ["cat, tame", "human"]]
    assert [json.loads(cell) for cell in second[3:6]] == [[], [], []]
    assert [json.loads(cell) for cell in third[3:6]] == [[], ["cat, tame"], ["cat, tame"]]


def test_image_task_and_version(table: Callable[[], ExportTable]) -> None:
    _, first, second, third = written(table())
    assert first[:3] == ["/data/upload/7/a,b\n.jpg", "101", "v0001"]
    assert second[:3] == ["'=HYPERLINK(1)", "", "v0001"]
    assert third[:3] == ["plain.jpg", "3", ""]


def test_no_cell_is_a_formula(table: Callable[[], ExportTable]) -> None:
    cells = [cell for row in written(table()) for cell in row]
    assert len(cells) == 40
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1"])
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(cell: str) -> None:
    assert safe(cell) == "'" + cell
    assert safe(f"a{cell}") == f"a{cell}"


def test_an_empty_table_is_a_header() -> None:
    assert len(written(ExportTable("Pets", None, ("cat",), iter(())))) == 1
