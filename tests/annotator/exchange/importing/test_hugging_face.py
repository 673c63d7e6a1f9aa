"""Hugging Face's imagefolder: what `datasets` loads is what is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pytest
from PIL import Image
from pyarrow import parquet

from annotator.errors import OnetagError
from annotator.exchange.importing import Entry, Reading
from tests.annotator.exchange.importing.conftest import Read, by_image

ROWS = [
    {"file_name": "a.png", "labels": ["cat", "日本"], "width": 3},
    {"file_name": "deep/b.png", "labels": [], "width": 4},
]


def pictures(folder: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((2, 2, 3), number, dtype=np.uint8)).save(folder / name)


def lines(file: Path, rows: list[dict[str, Any]]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return file


def test_it_reads_what_datasets_loads(tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = tmp_path / "set"
    pictures(folder / "train", "a.png", "deep/b.png")
    lines(folder / "train" / "metadata.jsonl", ROWS)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))[
        "train"
    ]
    names = loaded.cast_column("image", datasets.Image(decode=False))
    expected = {
        Path(row["image"]["path"]).relative_to(folder).as_posix(): set(row["labels"]) for row in names
    }
    assert (
        by_image(read(folder, "huggingface"))
        == expected
        == {
            "train/a.png": {"cat", "日本"},
            "train/deep/b.png": set(),
        }
    )


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_each_kind_of_metadata(tmp_path: Path, read: Read, suffix: str) -> None:
    frame = pd.DataFrame(
        {"file_name": ["a.png", "b.png"], "cat": [1, 0], "dog": [True, None], "note": ["x", "y"]}
    )
    file = tmp_path / f"metadata.{suffix}"
    if suffix == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    elif suffix == "csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file)
    found = read(tmp_path, "huggingface")
    assert found == [
        Entry("a.png", ["cat", "dog"], unknown=[], explicit=True),
        Entry("b.png", [], unknown=["dog"], explicit=True),
    ]


def test_a_parquet_file_with_lists_and_the_pictures_in_it(tmp_path: Path, read: Read) -> None:
    file = tmp_path / "train.parquet"
    table = arrow.table(
        {
            "file_name": ["a.png", "b.png"],
            "image": [{"bytes": b"x", "path": "a.png"}, {"bytes": b"y", "path": "b.png"}],
            "tags": [["cat", "dog"], []],
        }
    )
    parquet.write_table(table, file)  # type: ignore[no-untyped-call]
    assert by_image(read(file, "huggingface")) == {"a.png": {"cat", "dog"}, "b.png": set()}


def test_detected_objects_and_class_numbers(tmp_path: Path, read: Read) -> None:
    row = {"file_name": "a.png", "objects": {"bbox": [[1, 2, 3, 4]] * 2, "categories": [1, 0]}}
    folder = lines(tmp_path / "metadata.jsonl", [row]).parent
    assert by_image(read(folder, "huggingface", label_names=("cat", "dog"))) == {"a.png": {"cat", "dog"}}
    with pytest.raises(OnetagError, match="holds numbers, not names"):
        read(folder, "huggingface")


def test_our_own_json_lines_give_back_what_people_said(tmp_path: Path, read: Read) -> None:
    row = {
        "image": "a.jpg", "task": 1, "model_version": "v1", "observed_positive": ["cat"],
        "observed_negative": ["dog"], "human": ["cat", "dog"],
        "probabilities": {"cat": 1, "dog": 0, "tree": 0.4},
    }  # fmt: skip
    reading = Reading()
    found = read(lines(tmp_path / "labels.jsonl", [row]), "huggingface", reading)
    assert found == [Entry("a.jpg", ["cat"], ["dog"])]
    assert list(reading.vocabulary) == ["cat", "dog", "tree"]


def test_of_our_own_imagefolder_only_what_people_said_is_taken(tmp_path: Path, read: Read) -> None:
    (tmp_path / "labels.txt").write_text("cat\ndog\ntree\nfox\n", encoding="utf-8")
    (tmp_path / "train").mkdir()
    table = arrow.table(
        {
            "file_name": ["a.png"],
            "labels": [["cat", "tree"]],
            "decisions": [[True, False, True, None]],
            "human": [[True, True, False, False]],
        }
    )
    parquet.write_table(table, tmp_path / "train" / "metadata.parquet")  # type: ignore[no-untyped-call]
    reading = Reading()
    found = read(tmp_path, "huggingface", reading)
    assert found == [Entry("train/a.png", ["cat"], ["dog"], ["tree", "fox"])]
    assert list(reading.vocabulary) == ["cat", "dog", "tree", "fox"]
    (tmp_path / "labels.txt").unlink()
    with pytest.raises(OnetagError, match=r"row 1 has no list of 0 decisions .is labels.txt there"):
        read(tmp_path, "huggingface")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"file_name": "a.png", "labels": ["cat"]}\n{"file_name": \n', "no JSON in line 2, column"),
        ('{"file_name": "a.png", "labels": ["cat"]}\n[1]\n', "line 2 holds no JSON object"),
        ('{"file_name": "a.png", "labels": ["cat"]}\n{"labels": ["dog"]}\n', "line 2 names no image"),
        ("\n", "the file is empty"),
    ],
)
def test_broken_lines_are_told(tmp_path: Path, read: Read, text: str, told: str) -> None:
    (tmp_path / "metadata.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(OnetagError, match=told):
        read(tmp_path, "huggingface")


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path, read: Read) -> None:
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(OnetagError, match="no Parquet file"):
        read(tmp_path, "huggingface")
