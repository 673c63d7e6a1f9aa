"""Whatever labels and files are called, every format says what the store knows."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from pyarrow import parquet

from annotator.exchange import EXPORTS, ExportTable
from annotator.exchange.comma_separated import ENCODING, plain, safe
from annotator.exchange.rows import ExportRow
from annotator.labelstudio.config import build_config, parse_config

quickly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=30)
risky = some.text(some.sampled_from("=+-@;,\t\r\n '\"\ufeff\u200b＝ax"), max_size=12)
names = some.lists(
    some.one_of(texts, risky).map(lambda name: name.replace("\x00", "")).filter(bool),
    min_size=1,
    max_size=5,
    unique=True,
)
FORMULA_STARTS = tuple("=+-@＝＋－＠")


@given(some.one_of(texts, risky))
def test_every_cell_comes_back_as_it_was(cell: str) -> None:
    assert plain(safe(cell)) == cell


@given(risky, some.sampled_from(",;\t"))
def test_no_cell_is_a_formula_wherever_it_is_opened(cell: str, separator: str) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerow(["a", safe(cell), "b"])
    found = [
        each
        for row in csv.reader(io.StringIO(stream.getvalue(), newline=""), delimiter=separator)
        for each in row
    ]
    for each in found:
        assert not each.lstrip(' "\ufeff\u200b').startswith(FORMULA_STARTS)


@some.composite
def tables(draw: Any) -> tuple[tuple[str, ...], list[ExportRow]]:
    """Labels, and rows of which people said some and nobody others."""
    labels = tuple(draw(names))
    said = some.lists(some.sampled_from([-1, 0, 1]), min_size=len(labels), max_size=len(labels))
    rows = []
    for number in range(1, draw(some.integers(0, 4)) + 1):
        observed = np.array(draw(said), np.int8)
        guess = draw(some.sampled_from([np.nan, 0.25, 0.9375]))
        values = np.where(observed == 0, guess, observed > 0).astype(np.float32)
        decisions = np.where((observed == 0) & (values > 0.9), 1, observed).astype(np.int8)
        image = draw(some.one_of(texts, risky))
        task = draw(some.none() | some.integers(1, 2**40))
        place = number, image, image, image, task, None, None
        rows.append(ExportRow(*place, observed, values, decisions))
    return labels, rows


def written(name: str, labels: tuple[str, ...], rows: list[ExportRow], folder: str) -> Path:
    output = Path(folder) / "labels"
    if EXPORTS[name].folder:
        output.mkdir()
    EXPORTS[name].write(ExportTable("Pets", None, labels, iter(rows)), output)
    return output


def same(found: list[float | None], row: ExportRow) -> None:
    np.testing.assert_allclose([np.nan if each is None else each for each in found], row.values, atol=1e-4)


@quickly
@given(tables())
def test_csv(table: tuple[tuple[str, ...], list[ExportRow]]) -> None:
    labels, rows = table
    with TemporaryDirectory() as folder:
        text = written("csv", labels, rows, folder).read_bytes().decode(ENCODING)
    header, *lines = csv.reader(io.StringIO(text, newline=""))
    assert [plain(each)[2:] for each in header[7::3]] == list(labels)
    for line, row in zip(lines, rows, strict=True):
        assert plain(line[0]) == row.image
        same([None if each == "" else float(each) for each in line[7::3]], row)
        assert [each == "1" for each in line[9::3]] == row.human.tolist()


@quickly
@given(tables())
def test_json_lines(table: tuple[tuple[str, ...], list[ExportRow]]) -> None:
    labels, rows = table
    with TemporaryDirectory() as folder:
        lines = written("jsonl", labels, rows, folder).read_bytes().splitlines()
    for line, row in zip(lines, rows, strict=True):
        found = json.loads(line)
        assert (found["image"], tuple(found["human"])) == (row.image, labels)
        same(list(found["probabilities"].values()), row)


@quickly
@given(tables())
def test_parquet(table: tuple[tuple[str, ...], list[ExportRow]]) -> None:
    labels, rows = table
    with TemporaryDirectory() as folder:
        found = parquet.ParquetFile(written("parquet", labels, rows, folder)).read()  # type: ignore[no-untyped-call]
    assert found["image"].to_pylist() == [row.image for row in rows]
    for column, label in enumerate(labels):
        values = found[f"p:{label}"].to_pylist()
        np.testing.assert_allclose(
            [np.nan if each is None else each for each in values], [row.values[column] for row in rows]
        )


@quickly
@given(tables())
def test_coco(table: tuple[tuple[str, ...], list[ExportRow]]) -> None:
    labels, rows = table
    with TemporaryDirectory() as folder:
        found = json.loads(written("coco", labels, rows, folder).read_bytes())
    assert tuple(each["name"] for each in found["categories"]) == labels
    for image, row in zip(found["images"], rows, strict=True):
        same(image["values"], row)
        there = [each["category_id"] for each in found["annotations"] if each["image_id"] == image["id"]]
        decided = {1: there, -1: image["neg_category_ids"], 0: image["not_exhaustive_category_ids"]}
        for decision, numbers in decided.items():
            assert numbers == (np.flatnonzero(row.decisions == decision) + 1).tolist()
    assert [each["id"] for each in found["annotations"]] == list(range(1, len(found["annotations"]) + 1))


@quickly
@given(tables())
def test_the_papers_arrays(table: tuple[tuple[str, ...], list[ExportRow]]) -> None:
    labels, rows = table
    with TemporaryDirectory() as folder:
        output = written("npy", labels, rows, folder)
        images, observed = (
            np.load(output / f"formatted_train_{name}.npy") for name in ("images", "labels_obs")
        )
    assert [str(each) for each in images] == [row.image.rstrip("\x00") for row in rows]
    assert observed.shape == (len(rows), len(labels))
    assert all((found == row.observed).all() for found, row in zip(observed, rows, strict=True))


@pytest.mark.parametrize("name", list(EXPORTS))
def test_ten_thousand_labels(name: str, tmp_path: Path) -> None:
    labels = tuple(f"label {number}" for number in range(10_000))
    observed = np.zeros(10_000, np.int8)
    observed[[1, 9_999]] = 1, -1
    values = np.where(observed == 0, 0.25, observed > 0).astype(np.float32)
    rows = [
        ExportRow(number, "a.jpg", "/a", "/a", number, "v1", None, observed, values, observed)
        for number in (1, 2)
    ]
    output = tmp_path / "labels"
    if EXPORTS[name].folder:
        output.mkdir()
    table = ExportTable(
        "Many", "v1", labels, iter(rows), parse_config(build_config(labels)), lambda _: b"\xff\xd8\xffpicture"
    )
    EXPORTS[name].write(table, output)
    files = [file for file in output.rglob("*") if file.is_file()] if output.is_dir() else [output]
    assert sum(file.stat().st_size for file in files) > 10_000
    if name == "csv":
        with output.open(encoding=ENCODING, newline="") as stream:
            assert len(next(csv.reader(stream))) == 7 + 3 * 10_000
