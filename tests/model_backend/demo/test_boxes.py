"""Reading how much of an image its labels cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotator.errors import OnetagError
from model_backend.demo.boxes import read_areas
from model_backend.demo.dataset import read_dataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for index in range(3):
        Image.new("RGB", (4, 4)).save(tmp_path / "images" / f"{index}.png")
    (tmp_path / "labels.csv").write_text("image,cat,a tree\n0.png,1,1\n1.png,1,0\n2.png,0,1\n")
    return tmp_path


def test_the_boxes_of_a_label_add_up_in_the_order_of_the_images(folder: Path) -> None:
    (folder / "boxes.csv").write_text(
        "label,image,x,width,height\ncat,0.png,7,2,3\ncat,0.png,1,1,1\n"
        "a tree,0.png,0,10,2.5\na tree,2.png,0,4,4\n"
    )
    data = read_dataset(folder)
    assert read_areas(folder, data).tolist() == [[7, 25], [0, 0], [0, 16]]
    some = data.subset(np.array([2, 1]))
    assert read_areas(folder, some).tolist() == [[0, 16], [0, 0]], "boxes of other images are passed over"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "first line"),
        ("image,label,width\n", "first line"),
        ("image,label,width,height\n0.png,dog,1,1\n", "Line 2 .* the label 'dog'"),
        ("image,label,width,height\n0.png,cat,1,1\n9.png,cat,1,1\n", "Line 3 .*'9.png'"),
        ("image,label,width,height\n,cat,1,1\n", "Line 2 .* names ''"),
        ("image,label,width,height\n2.png,cat,1,1\n", "Line 2 .* labels.csv has a 0"),
        ("image,label,width,height\n0.png,cat,1,wide\n", "Line 2 .* no width and height"),
        ("image,label,width,height\n0.png,cat,-1,-1\n", "Line 2 .* no width and height"),
        ("image,label,width,height\n0.png,cat,nan,1\n", "Line 2 .* no width and height"),
        ("image,label,width,height\n0.png,cat,1\n", "Line 2 .* no width and height"),
    ],
)
def test_what_is_wrong_is_named_by_its_line(folder: Path, text: str, told: str) -> None:
    (folder / "boxes.csv").write_text(text)
    with pytest.raises(OnetagError, match=told):
        read_areas(folder, read_dataset(folder))


def test_a_folder_without_boxes_says_what_they_are_needed_for(folder: Path) -> None:
    with pytest.raises(OnetagError, match="The size bias needs it"):
        read_areas(folder, read_dataset(folder))
