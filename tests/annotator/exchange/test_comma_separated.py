"""CSV: safe to open in a spreadsheet, and three values that cannot be mistaken for one another."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from annotator.exchange.comma_separated import plain, safe
from tests.annotator.exchange.conftest import LABELS, Pets

FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")


@pytest.fixture
def file(pets: Pets, tmp_path: Path) -> Path:
    output = tmp_path / "labels.csv"
    pets.export("csv", output)
    return output


def cells(file: Path, separator: str = ",") -> list[list[str]]:
    """As a spreadsheet reads it: UTF-8 by its mark, cut at the separator of the user's country."""
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf"), "Excel would read it in the machine's old code page"
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=separator))


def test_pandas_reads_every_value_decision_and_mask(
    pets: Pets, file: Path, same: Callable[[Any, Any], bool]
) -> None:
    frame = pd.read_csv(file)
    assert [plain(name) for name in frame.columns][7:] == [
        f"{kind}{label}" for label in LABELS for kind in ("p:", "d:", "h:")
    ]
    for column, label in enumerate(LABELS):
        assert same(frame[safe(f"p:{label}")], [row.probabilities[column] for row in pets.rows])
        words = {1: "present", -1: "absent", 0: None}
        found = [None if pd.isna(each) else each for each in frame[safe(f"d:{label}")]]
        assert found == [words[row.decisions[column]] for row in pets.rows]
        assert frame[safe(f"h:{label}")].astype(bool).tolist() == [row.human[column] for row in pets.rows]


def test_pandas_finds_the_picture_by_its_own_place_and_by_label_studios(pets: Pets, file: Path) -> None:
    frame = pd.read_csv(file)
    for found, row in zip(frame.to_dict("records"), pets.rows, strict=True):
        assert plain(found["image"]).startswith(row.image)
        assert plain(found["label_studio_image"]).startswith(row.address)
        assert found["task"] == row.task
        assert found["model_version"] == row.version or pd.isna(found["model_version"])


def test_a_persons_value_an_estimate_and_unknown_read_differently(file: Path) -> None:
    _, first, second, *_ = cells(file)
    assert first[7:] == ["0.8750", "present", "0", "0.5000", "", "0", "0.2500", "", "0", "", "", "0"]
    assert second[7:] == ["0", "absent", "1", "0.3750", "absent", "0", "1", "present", "1", "", "", "0"]


def test_columns_of_several_labels_hold_a_list(file: Path) -> None:
    listed = [[json.loads(plain(cell)) for cell in row[5:7]] for row in cells(file)[1:]]
    assert listed[0] == [[], []]
    assert listed[1] == [["naïve 日本"], ["cat, tame"]]
    assert listed[5] == [[], ['=cmd|"x"!A1']]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_cell_is_a_formula_wherever_it_is_opened(file: Path, separator: str) -> None:
    found = [cell for row in cells(file, separator) for cell in row]
    assert len(found) > 6
    assert not [cell for cell in found if cell.strip().strip('"').startswith(FORMULA_STARTS)]


def test_a_name_that_is_a_formula_is_there_behind_an_apostrophe(file: Path) -> None:
    assert cells(file)[2][0] == "'=cats/b c.jfif"


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "'=1", "  =1", "\ufeff=1", "\u200b@x", "＝1",
     '"=1', "a;=1", "a\t-1", 'a;"=1', "\x00=1", "\u00a0+1"],
)  # fmt: skip
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(cell: str) -> None:
    assert safe(cell) != cell
    assert plain(safe(cell)) == cell


@pytest.mark.parametrize("cell", ["", "plain", "a=1", "a-b.jpg", "it's", "'quoted'", "1,=2", "naïve 日本"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert safe(cell) == cell == plain(cell)


def test_the_card_lies_beside_it(file: Path) -> None:
    card = json.loads((file.parent / "labels.csv.card.json").read_text("utf-8"))
    assert card["format"] == "csv"
    assert card["images"] == 6
