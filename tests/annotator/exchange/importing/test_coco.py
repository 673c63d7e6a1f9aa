"""COCO as its own library understands it, with crowds, empty images, and what LVIS adds."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from pycocotools import coco

from annotator.errors import OnetagError
from annotator.exchange.importing import Reading
from annotator.store import Claim, Store
from tests.annotator.exchange.importing.conftest import Bring, Files, Read, by_image, known

CATEGORIES = [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]


def image(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "file_name": f"{number:012}.jpg", "width": 640, "height": 480, **more}


def box(number: int, image_id: int, category: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "image_id": image_id,
        "category_id": category,
        "bbox": [1.5, 2, 3, 4],
        "area": 12,
        "iscrowd": 0,
        "segmentation": [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]],
        **more,
    }


def write(tmp_path: Path, content: Any) -> Path:
    file = tmp_path / "instances.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


def test_it_reads_what_cocos_own_library_reads(tmp_path: Path, read: Read) -> None:
    draw = random.Random(7)
    annotations = [box(n, draw.randrange(40), draw.choice(CATEGORIES)["id"]) for n in range(1, 90)]
    crowd = {"iscrowd": 1, "segmentation": {"counts": [0, 5, 10], "size": [480, 640]}}
    annotations += [box(90, 40, 1, **crowd), box(91, 41, 18, segmentation=[], bbox=[])]
    content = {"info": {}, "licenses": [], "images": [image(n) for n in range(43)]}
    file = write(tmp_path, content | {"annotations": annotations, "categories": CATEGORIES})
    peer = coco.COCO(str(file))
    names = {each["id"]: each["name"] for each in peer.loadCats(peer.getCatIds())}
    expected = {
        peer.loadImgs(key)[0]["file_name"]: {
            names[each["category_id"]] for each in peer.loadAnns(peer.getAnnIds(imgIds=[key]))
        }
        for key in peer.getImgIds()
    }
    reading = Reading()
    found = by_image(read(file, "coco", reading))
    assert found == expected
    assert found["000000000040.jpg"] == {"person"}, "a crowd is there"
    assert found["000000000042.jpg"] == set(), "an image without annotations is listed all the same"
    assert list(reading.vocabulary) == ["dog", "person", "toothbrush"]


@pytest.mark.parametrize(
    "order", [("categories", "annotations", "images"), ("annotations", "images", "categories")]
)
def test_its_parts_may_come_in_any_order(tmp_path: Path, read: Read, order: tuple[str, ...]) -> None:
    content = {"images": [image(1)], "annotations": [box(1, 1, 18)], "categories": CATEGORIES}
    assert by_image(read(write(tmp_path, {key: content[key] for key in order}), "coco")) == {
        "000000000001.jpg": {"dog"}
    }


def test_empty_images_are_complete_and_a_file_without_annotations_is_no_error(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures("val2017/000000000001.jpg", "val2017/000000000002.jpg")
    content = {"images": [image(1), image(2)], "annotations": [], "categories": CATEGORIES}
    file = write(tmp_path, content)
    report = bring(sqlite_store, file, folder)
    assert (report.matched, report.present, report.absent) == (2, 0, 0)
    content["annotations"] = [box(1, 1, 18), box(2, 1, 18), box(3, 1, 18)]
    report = bring(sqlite_store, write(tmp_path, content), folder, Claim.COMPLETE)
    assert known(sqlite_store) == {
        "val2017/000000000001.jpg": {"dog": 1, "person": -1, "toothbrush": -1},
        "val2017/000000000002.jpg": {"dog": -1, "person": -1, "toothbrush": -1},
    }
    assert (report.twice, report.contradictions) == (0, 0), "three dogs are not three statements"


def test_image_level_labels(tmp_path: Path, read: Read) -> None:
    content = {
        "images": [image(1), image(2, category_ids=[18, 1])],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 90},
            {"id": 2, "image_id": 1, "category_ids": [1]},
        ],
        "categories": CATEGORIES,
    }
    assert by_image(read(write(tmp_path, content), "coco")) == {
        "000000000001.jpg": {"toothbrush", "person"},
        "000000000002.jpg": {"dog", "person"},
    }


def test_lvis_says_what_is_verified_absent(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    folder = pictures("000000000001.jpg")
    listed = image(1, neg_category_ids=[90], not_exhaustive_category_ids=[18])
    file = write(tmp_path, {"images": [listed], "annotations": [box(1, 1, 18)], "categories": CATEGORIES})
    report = bring(sqlite_store, file, folder)
    assert report.ignored_absent == 1
    bring(sqlite_store, file, folder, Claim.VERIFIED)
    assert known(sqlite_store) == {"000000000001.jpg": {"dog": 1, "toothbrush": -1}}


def test_of_our_own_export_only_what_people_said_is_taken(
    sqlite_store: Store, tmp_path: Path, bring: Bring, pictures: Files
) -> None:
    listed = image(1, neg_category_ids=[1, 90], human=[True, True, False])
    content = {
        "categories": CATEGORIES,
        "images": [listed],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 18, "human": True, "score": 1},
            {"id": 2, "image_id": 1, "category_id": 90, "human": False, "score": 0.93},
        ],
    }
    folder = pictures("000000000001.jpg")
    report = bring(sqlite_store, write(tmp_path, content), folder, Claim.VERIFIED)
    assert known(sqlite_store) == {"000000000001.jpg": {"dog": 1, "person": -1}}
    assert list(report.left_out.values()) == [1]
    bring(sqlite_store, write(tmp_path, content), folder, Claim.COMPLETE)
    assert known(sqlite_store) == {"000000000001.jpg": {"dog": 1, "person": -1}}, "an estimate is no absence"


def test_an_annotation_of_an_image_that_is_not_listed_is_counted(tmp_path: Path, read: Read) -> None:
    reading = Reading()
    content = {"images": [image(1)], "annotations": [box(1, 2, 18)], "categories": CATEGORIES}
    assert by_image(read(write(tmp_path, content), "coco", reading)) == {"000000000001.jpg": set()}
    assert list(reading.left_out.values()) == [1]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"images": [image(1)], "annotations": [box(5, 1, 77)]}, "annotation 1 names category 77"),
        ({"images": [{"id": 1}]}, "image 1 has no file_name"),
        ({"images": [image(1)], "categories": [{"id": 1}]}, "category 1 has no id or no name"),
        ({"annotations": []}, "lists no images"),
        ({"images": [{"id": [1], "file_name": "a.jpg"}]}, "an id that is no number"),
        (
            '{"images": [\n  {"id": 1, "file_name": "a.jpg"},\n  {"id": 2,, }\n]}',
            "no JSON in line 3, column 12",
        ),
        ('{"images": [\n{"id": 1,', "ends too early, in line 2, column 10"),
    ],
)
def test_what_is_broken_is_told_with_its_place(tmp_path: Path, read: Read, content: Any, told: str) -> None:
    with pytest.raises(OnetagError, match=told):
        read(write(tmp_path, content), "coco")
