"""Reading a folder of images with a table of 0 and 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.errors import OnetagError
from model_backend.demo.dataset import read_dataset, split


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    lines = ["image,cat,a tree"]
    for index in range(20):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{index}.png")
        lines.append(f"{index}.png,{index % 2},{int(index < 3)}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return tmp_path


def test_the_truth_is_a_matrix_in_the_order_of_files_and_labels(folder: Path) -> None:
    data = read_dataset(folder)
    assert data.labels == ("cat", "a tree")
    assert data.truth.shape == (20, 2)
    assert data.present(1) == ("cat", "a tree")
    assert data.present(4) == ()
    assert data.files[4] == folder / "images" / "4.png"


def test_a_quarter_is_held_out_by_the_seed_and_never_tagged(folder: Path) -> None:
    data = read_dataset(folder)
    train, test = split(folder, data, images=None, held_out=None, seed=1)
    again, _ = split(folder, data, images=6, held_out=None, seed=1)
    assert (len(train.files), len(test.files)) == (15, 5)
    assert set(train.files) | set(test.files) == set(data.files)
    assert again.files == train.files[:6]
    row = data.files.index(test.files[0])
    assert np.array_equal(test.truth[0], data.truth[row])


@pytest.mark.parametrize("held_out", [0, 20, 100])
def test_a_split_that_leaves_one_side_empty_is_refused(folder: Path, held_out: int) -> None:
    with pytest.raises(OnetagError, match="--held-out"):
        split(folder, read_dataset(folder), None, held_out, 0)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "is empty"),
        ("file,cat\n", "first line"),
        ("image,cat,cat\n", "first line"),
        ("image\n", "first line"),
        ("image,cat,tree\n0.png,1\n", "Line 2"),
        ("image,cat,tree\n0.png,1,0\n1.png,1,yes\n", "Line 3"),
        ("image,cat\nmissing.png,1\n0.png,1\n", "missing.png"),
        ("image,cat\n0.png,1\n", "holds 1 images"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_naming_the_line(folder: Path, text: str, named: str) -> None:
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(OnetagError, match=named):
        read_dataset(folder)


def test_a_folder_without_a_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match=r"labels\.csv"):
        read_dataset(tmp_path)
