"""Files read in pieces: memory stays flat, and what is broken is found."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.errors import OnetagError
from annotator.exchange.importing.entry import nobody
from annotator.exchange.importing.streams import CHUNK, broken_json, json_items


def test_items_at_a_place(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"other": [1], "images": [{"id": 1.5}, {"id": 2}]}')
    assert list(json_items(file, "images.item", nobody)) == [{"id": 1.5}, {"id": 2}]
    assert list(json_items(file, "nothing.item", nobody)) == []


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b'\xef\xbb\xbf[{"id": "\xc3\xa9"}]')
    assert list(json_items(file, "item", nobody)) == [{"id": "é"}]


def test_memory_stays_flat(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    with file.open("w") as stream:
        stream.write("[" + ",".join(json.dumps({"id": n, "box": [1.5] * 40}) for n in range(30_000)) + "]")
    assert file.stat().st_size > 5 * 2**20
    tracemalloc.start()
    count = sum(1 for _ in json_items(file, "item", nobody))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 2 * 2**20


@pytest.mark.parametrize("lines", [0, 1, CHUNK // 8, CHUNK])
def test_the_place_of_what_is_broken_is_found_in_a_file_of_any_size(tmp_path: Path, lines: int) -> None:
    file = tmp_path / "a.json"
    file.write_text("[\n" + '{"id": 1},\n' * lines + '{"id" []}]')
    with pytest.raises(OnetagError, match=f"no JSON in line {lines + 2}, column 7"):
        list(json_items(file, "item", nobody))


@given(st.lists(st.text(max_size=8), max_size=20), st.data())
def test_a_cut_or_damaged_file_is_never_taken_for_whole(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    whole = json.dumps([{"name": name} for name in names]).encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    file = tmp_path_factory.getbasetemp() / "cut.json"
    file.write_bytes(whole[:cut])
    with pytest.raises(OnetagError):
        list(json_items(file, "item", nobody))
    assert "line 1, column" in str(broken_json(file))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match=r"nowhere\.json: it cannot be read \(No such file"):
        list(json_items(tmp_path / "nowhere.json", "item", nobody))
