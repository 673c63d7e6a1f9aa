"""Pascal VOC: XML as the challenge and labelling tools write it, and nothing hostile."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotator.errors import OnetagError
from annotator.exchange.importing import Entry
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, known

VOC2007 = """<annotation>
  <folder>VOC2007</folder><filename>000005.jpg</filename>
  <source><database>The VOC2007 Database</database><annotation>PASCAL VOC2007</annotation></source>
  <size><width>500</width><height>375</height><depth>3</depth></size><segmented>0</segmented>
  <object><name>chair</name><pose>Rear</pose><truncated>0</truncated><difficult>0</difficult>
    <bndbox><xmin>263</xmin><ymin>211</ymin><xmax>324</xmax><ymax>339</ymax></bndbox></object>
  <object><name>person</name><difficult>1</difficult><part><name>head</name></part></object>
  <object><name>chair</name><difficult>0</difficult></object>
</annotation>"""
LABELIMG = """<?xml version="1.0" encoding="UTF-8"?>
<annotation verified="yes"><folder>photos</folder><filename>день.png</filename>
<path>C:\\Users\\me\\photos\\день.png</path><object><name>кот</name></object></annotation>"""


def write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.xml").write_text(text, encoding="utf-8")
    return folder


def test_objects_are_labels_also_difficult_ones_and_parts_are_not(tmp_path: Path, read: Read) -> None:
    found = read(write(tmp_path / "Annotations", a=VOC2007, b=LABELIMG), "voc")
    assert found == [Entry("000005.jpg", ["chair", "person", "chair"]), Entry("день.png", ["кот"])]


def test_one_file_alone(tmp_path: Path, read: Read) -> None:
    (entry,) = read(write(tmp_path, a=VOC2007) / "a.xml", "voc")
    assert entry.image == "000005.jpg"


def test_without_a_file_name_it_is_the_xml_files_own(tmp_path: Path, read: Read) -> None:
    nameless = VOC2007.replace("<filename>000005.jpg</filename>", "")
    (entry,) = read(write(tmp_path / "x", **{"000005": nameless}), "voc")
    assert entry.image == "000005"


def test_images_are_found_beside_the_annotations_or_in_their_own_folder(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    root = pictures("JPEGImages/000005.jpg", "JPEGImages/000006.jpg", folder=tmp_path / "VOC2007")
    bare = VOC2007.replace("000005.jpg", "000006").replace("chair", "sofa")
    write(root / "Annotations", **{"000005": VOC2007, "000006": bare})
    report = bring(sqlite_store, root, root, Claim.COMPLETE)
    assert (report.format, report.matched) == ("voc", 2)
    assert known(sqlite_store) == {
        "JPEGImages/000005.jpg": {"chair": 1, "person": 1, "sofa": -1},
        "JPEGImages/000006.jpg": {"chair": -1, "person": 1, "sofa": 1},
    }


def test_the_same_name_in_two_folders_is_told_apart(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    root = pictures("one/000005.jpg", "two/000005.jpg", folder=tmp_path / "set")
    write(root / "one", a=VOC2007)
    write(root / "two", a=VOC2007.replace("chair", "sofa").replace("person", "cat"))
    bring(sqlite_store, root, root)
    assert known(sqlite_store) == {
        "one/000005.jpg": {"chair": 1, "person": 1},
        "two/000005.jpg": {"sofa": 1, "cat": 1},
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<annotation>\n<object></annotation>", r"a\.xml: no XML in line 2, column 11"),
        ("<annotation><object><name> </name></object></annotation>", "object 1 has no name"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "declares a DTD or entities"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "declares a DTD or entities"),
        ('<?xml version="1.0" encoding="nonsense"?><annotation/>', "no XML in line 1|cannot be read"),
        ("", "no XML in line 1"),
    ],
)
def test_what_is_broken_is_told_with_file_and_line(tmp_path: Path, read: Read, text: str, told: str) -> None:
    with pytest.raises(OnetagError, match=told):
        read(write(tmp_path / "x", a=text), "voc")
