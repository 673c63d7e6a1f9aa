"""CSV as people write it: any delimiter, with or without a header, from pandas, Excel and ourselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from annotator.errors import OnetagError
from annotator.exchange import EXPORTS, ExportTable
from annotator.exchange.importing import Entry, Reading
from annotator.exchange.rows import ExportRow
from tests.annotator.exchange.importing.conftest import Read, by_image


def write(tmp_path: Path, text: str, name: str = "labels.csv", encoding: str = "utf-8") -> Path:
    file = tmp_path / name
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("separator", ["|", ";", ","])
@pytest.mark.parametrize("header", ["image,labels", "file_name,tags", "label,filename", "x,classes"])
def test_a_column_of_labels(tmp_path: Path, read: Read, separator: str, header: str) -> None:
    image_first = header.partition(",")[0] != "label"
    rows = [("a.jpg", f'"cat{separator} dog"'), ("b.jpg", "cat"), ("c.jpg", "")]
    lines = [",".join(row if image_first else row[::-1]) for row in rows]
    found = read(write(tmp_path, "\n".join([header, *lines])), "csv")
    assert found == [Entry("a.jpg", ["cat", "dog"]), Entry("b.jpg", ["cat"]), Entry("c.jpg", [])]


def test_a_separator_of_the_users_own(tmp_path: Path, read: Read) -> None:
    file = write(tmp_path, "image,labels\na.jpg,cat / dog\n")
    assert read(file, "csv", separator="/")[0].present == ["cat", "dog"]


def test_a_row_a_label_adds_up(tmp_path: Path, read: Read) -> None:
    found = read(write(tmp_path, "image,label\na.jpg,cat\na.jpg,dog\nb.jpg,cat\n"), "csv")
    assert not any(entry.whole for entry in found)
    assert by_image(found) == {"a.jpg": {"cat", "dog"}, "b.jpg": {"cat"}}


@pytest.mark.parametrize(
    ("one", "zero", "empty"),
    [("1", "0", ""), ("1.0", "0.0", ""), ("True", "False", "nan"), ("yes", "no", " ")],
)
def test_a_column_a_label(tmp_path: Path, read: Read, one: str, zero: str, empty: str) -> None:
    text = f"image,cat,dog,tree,split,width\na.jpg,{one},{zero},{empty},train,640\n"
    reading = Reading()
    (entry,) = read(write(tmp_path, text), "csv", reading)
    assert entry == Entry("a.jpg", ["cat"], unknown=["tree"], explicit=True)
    assert list(reading.vocabulary) == ["cat", "dog", "tree"]
    assert dict(reading.left_out) == {"columns that hold no labels: split, width": 2}


def test_columns_named_by_the_user(tmp_path: Path, read: Read) -> None:
    text = "pic,cat,dog,blurred\na.jpg,1,0,1\n"
    (entry,) = read(write(tmp_path, text), "csv", label_columns=("cat", "dog"), image_column="pic")
    assert entry.present == ["cat"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_delimiter(tmp_path: Path, read: Read, delimiter: str) -> None:
    text = "image,cat,dog\na.jpg,1,0\n".replace(",", delimiter)
    assert by_image(read(write(tmp_path, text), "csv")) == {"a.jpg": {"cat"}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_any_unicode_encoding(tmp_path: Path, read: Read, encoding: str) -> None:
    file = write(tmp_path, "image,labels\r\nнебо.jpg,日本\r\n", encoding=encoding)
    assert by_image(read(file, "csv")) == {"небо.jpg": {"日本"}}


def test_two_columns_without_a_header(tmp_path: Path, read: Read) -> None:
    assert by_image(read(write(tmp_path, "a.jpg,cat\nb.jpg,dog\n"), "csv")) == {
        "a.jpg": {"cat"},
        "b.jpg": {"dog"},
    }


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"image": ["a.jpg", "b.jpg"], "labels": [["cat", "dog"], []]}),
        pd.DataFrame({"image": ["a.jpg", "b.jpg"], "cat": [1, 0], "dog": [True, False]}),
        pd.DataFrame({"image": ["a.jpg", "b.jpg"], "cat": [1.0, None], "dog": [1, 0]}),
        pd.DataFrame({"image": ["a.jpg", "a.jpg"], "label": ["cat", "dog"]}),
    ],
    ids=["lists", "marks", "missing values", "a row a label"],
)
@pytest.mark.parametrize("index", [True, False])
def test_what_pandas_writes(tmp_path: Path, read: Read, frame: pd.DataFrame, index: bool) -> None:
    file = tmp_path / "labels.csv"
    frame.to_csv(file, index=index)
    assert by_image(read(file, "csv"))["a.jpg"] == {"cat", "dog"}


def test_our_own_export_gives_back_what_people_said_and_no_guess(tmp_path: Path, read: Read) -> None:
    labels = ("cat, tame", '=cmd|"x"!A1', "naïve 日本", "human")
    observed = np.array([[1, 0, 0, -1], [0, 0, 0, 0], [-1, 0, 0, 0]], dtype=np.int8)
    values = np.where(observed == 0, 0.25, observed > 0).astype(np.float32)
    images = ("/data/upload/7/a,b\n.jpg", "=HYPERLINK(1)", "plain.jpg")
    rows = [
        ExportRow(number, image, image, image, None, "v0001", None, *cells)
        for number, (image, *cells) in enumerate(zip(images, observed, values, observed, strict=True))
    ]
    file = tmp_path / "labels.csv"
    EXPORTS["csv"].write(ExportTable("Pets", "v0001", labels, iter(rows)), file)
    reading = Reading()
    first, second, third = read(file, "csv", reading)
    assert (first.image, first.present, first.absent) == (
        "/data/upload/7/a,b\n.jpg",
        ["cat, tame"],
        ["human"],
    )
    assert (second.image, second.present, second.absent) == ("=HYPERLINK(1)", [], [])
    assert (third.present, third.absent) == ([], ["cat, tame"])
    assert tuple(reading.vocabulary) == labels


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,cat,dog\na.jpg,1\n", "line 2 has 2 cells, where the first line has 3"),
        ("image,cat,dog\na.jpg,1,0\nc.jpg,1,0\nb.jpg,2,0\n", "line 4 has '2' for 'cat'"),
        ("image,cat,dog\na.jpg,1,0\nc.jpg,1,0\nb.jpg,-1,0\n", "line 4 has '-1' for 'cat'"),
        ('image,labels\na.jpg,"cat\n', "line 2 is no CSV"),
        ('image,labels\na.jpg,"cat"x\n', "line 2 is no CSV"),
        ("image,labels\n,cat\n", "line 2 names no image"),
        ("image,cat,cat\na.jpg,1,0\n", "column 'cat' is there twice"),
        ("image,label\na.jpg,3\nb.jpg,17\n", "holds numbers, not names"),
        ("image,width\na.jpg,640\nb.jpg,480\n", "holds numbers, not names"),
        ("a.jpg,1,0\n", "first line does not name the columns"),
        ("thing,other\nx,y\n", "no column of image names is recognised"),
        (
            "image,caption,width\na.jpg,a cat,3\n",
            "no column of labels is recognised among image, caption, width",
        ),
        ("\n\n", "the file is empty"),
    ],
)
def test_what_is_broken_is_told_with_its_line(tmp_path: Path, read: Read, text: str, told: str) -> None:
    with pytest.raises(OnetagError, match=told):
        read(write(tmp_path, text), "csv")


def test_bytes_that_are_not_utf8_are_told_with_their_line(tmp_path: Path, read: Read) -> None:
    file = tmp_path / "labels.csv"
    file.write_bytes(b"image,labels\na.jpg,cat\n" + b"caf\xe9.jpg,dog\n")
    with pytest.raises(OnetagError, match="line 3, column 4 is not UTF-8"):
        read(file, "csv")


def test_numbers_get_the_names_of_a_file_of_names(tmp_path: Path, read: Read) -> None:
    file = write(tmp_path, "image,label\na.jpg,1\nb.jpg,0\n")
    assert by_image(read(file, "csv", label_names=("cat", "dog"))) == {"a.jpg": {"dog"}, "b.jpg": {"cat"}}


def test_unknown_columns_are_told_with_those_that_there_are(tmp_path: Path, read: Read) -> None:
    file = write(tmp_path, "image,cat\na.jpg,1\n")
    with pytest.raises(OnetagError, match=r"no column 'dog'.*--label-column: image, cat"):
        read(file, "csv", label_columns=("dog",))
    with pytest.raises(OnetagError, match=r"'image' holds the images' names.*--label-column: image, cat"):
        read(file, "csv", label_columns=("image", "cat"))
    with pytest.raises(OnetagError, match=r"no column 'pic'.*--image-column: image, cat"):
        read(file, "csv", image_column="pic")
