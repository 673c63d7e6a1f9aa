"""Recognising formats, and saying which ones there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.commands.label_files import FORMATS
from annotator.errors import OnetagError
from annotator.exchange.importing import IMPORTS, choose_import_format

ROOT = Path(__file__).parents[4]
FILES: dict[str, tuple[str, bytes]] = {
    "labels.csv": ("csv", b"image,labels\n"),
    "labels.tsv": ("csv", b"image\tlabels\n"),
    "oidv6-train-annotations-human-imagelabels.csv": (
        "openimages",
        b"ImageID,Source,LabelName,Confidence\r\n",
    ),
    "instances.json": ("coco", b' {"images": []}'),
    "export.json": ("labelstudio", b"\xef\xbb\xbf[{}]"),
    "metadata.jsonl": ("huggingface", b"{}"),
    "train.parquet": ("huggingface", b"PAR1"),
    "formatted_train_labels.npy": ("npy", b"\x93NUMPY"),
    "000005.xml": ("voc", b"<annotation>"),
    "VOC/Annotations/a.xml": ("voc", b"<annotation>"),
    "tree/cat/a.jpg": ("imagefolder", b""),
    "hf/train/metadata.csv": ("huggingface", b"file_name"),
    "paper/formatted_val_images.npy": ("npy", b"\x93NUMPY"),
}


@pytest.mark.parametrize("name", FILES)
def test_each_format_is_recognised(tmp_path: Path, name: str) -> None:
    expected, content = FILES[name]
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    path = tmp_path / Path(name).parts[0]
    assert choose_import_format(path) is IMPORTS[expected]
    assert choose_import_format(path, "csv") is IMPORTS["csv"], "and can be named"


def test_every_format_has_a_name_a_line_and_says_how_it_is_recognised() -> None:
    for name, form in IMPORTS.items():
        assert form.name == name
        assert form.description.endswith(".")
        assert form.recognised
        assert name in FORMATS


def test_every_format_is_in_the_documentation() -> None:
    text = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")
    assert not [name for name in IMPORTS if f"`{name}`" not in text]


@pytest.mark.parametrize("name", ["a.docx", "b.json"])
def test_what_is_none_of_them_is_told_with_all_that_there_are(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("hello")
    with pytest.raises(OnetagError, match=r"no format that onetag recognises.*npy, huggingface, voc"):
        choose_import_format(tmp_path / name)


def test_what_is_not_there_is_empty_or_has_another_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(OnetagError, match="no such file or folder"):
        choose_import_format(tmp_path / "nope.csv")
    (tmp_path / "empty.csv").write_text(" \n")
    with pytest.raises(OnetagError, match="the file is empty"):
        choose_import_format(tmp_path / "empty.csv")
    with pytest.raises(OnetagError, match=r"no import format 'yolo'.*--format: npy"):
        choose_import_format(tmp_path / "empty.csv", "yolo")
